package forker

import (
	"cmp"
	"fmt"
	"slices"
)

// fork starts a child, or lets it wait, as its settings say.
func (g *Group) fork(c *child) error {
	if inherited != nil {
		return ErrInChild
	}
	start, err := g.admit(c)
	g.tellRevived()
	switch {
	case err != nil:
		return err
	case start:
		return g.start(c)
	case c.settings.whenFull == Wait:
		<-c.left
		return c.startErr
	}
	return nil
}

// admit decides whether a child starts now; one that does not is queued.
func (g *Group) admit(c *child) (start bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return false, ErrClosed
	case c.closure == nil && g.mayStart(c.task) != nil:
		return false, g.mayStart(c.task)
	case g.fits(c) && !slices.ContainsFunc(g.queue, g.fits):
		g.take(c)
		c.reported = true
		return true, nil
	case c.settings.whenFull == Refuse:
		return false, g.full(c)
	case len(g.queue) >= cmp.Or(g.MaxQueue, DefaultMaxQueue):
		return false, fmt.Errorf("%w: %d wait to be started (Group.MaxQueue)", ErrFull, len(g.queue))
	}
	c.reported = c.settings.whenFull == Wait
	g.queue = append(g.queue, c)
	return false, nil
}

// fits tells whether the limits let a child start; mu is held.
func (g *Group) fits(c *child) bool {
	return len(g.running) < cmp.Or(g.Max, DefaultMax) && (c.closure != nil || g.mayStart(c.task) == nil) &&
		(c.settings.atMost == 0 || g.count(c.task) < c.settings.atMost)
}

func (g *Group) count(task string) (n int) {
	for _, c := range g.running {
		if c.task == task {
			n++
		}
	}
	return n
}

// full says which limit was reached; mu is held.
func (g *Group) full(c *child) error {
	if n := g.count(c.task); c.settings.atMost > 0 && n >= c.settings.atMost {
		return fmt.Errorf("%w: %d run this task (AtMost)", ErrFull, n)
	}
	return fmt.Errorf("%w: %d run (Group.Max)", ErrFull, len(g.running))
}

// take counts a child among the running ones; mu is held.
func (g *Group) take(c *child) {
	g.running = append(g.running, c)
	c.state = Running
	if w := g.watches[c.task]; w != nil && w.pause != 0 && c.closure == nil {
		w.trial = c
	}
}

// startNext starts the queued children that there is space for, each in a
// goroutine of its own.
func (g *Group) startNext() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		at := slices.IndexFunc(g.queue, g.fits)
		if at < 0 {
			return
		}
		c := g.queue[at]
		g.queue = slices.Delete(g.queue, at, at+1)
		g.take(c)
		go func() {
			c.startErr = g.start(c)
			close(c.left)
		}()
	}
}

// unqueue takes a child out of the queue, if it is there, and ends it with err.
func (g *Group) unqueue(c *child, err error) bool {
	g.mu.Lock()
	at := slices.Index(g.queue, c)
	if at < 0 {
		g.mu.Unlock()
		return false
	}
	g.queue = slices.Delete(g.queue, at, at+1)
	g.mu.Unlock()
	c.startErr = err
	g.end(c, nil, err)
	close(c.left)
	return true
}

// start starts the process of a child that was taken.
func (g *Group) start(c *child) error {
	process, err := c.startProcess(g)
	if err != nil {
		err = fmt.Errorf("start: %w", err)
		close(c.announced)
		g.end(c, nil, err)
		g.startNext()
		return err
	}
	clock := g.clock()
	timer := g.newTimer(c.settings.timeout) // here, so that those of one instant are in the order of the forks
	g.mu.Lock()
	c.process, c.pid = process, process.PID()
	c.started, c.startedAt = clock.Wall(), clock.Now()
	c.dueAt = c.startedAt.Add(min(c.settings.timeout, forever))
	info := g.info(c)
	g.mu.Unlock()
	if g.OnFork != nil && !c.inProcess() {
		g.OnFork(info)
	}
	close(c.announced)
	go g.attend(c, timer)
	return nil
}

// Refuse makes every Fork return ErrClosed from now on, and ends the queued
// children with that error. Those that run go on, and workers take calls as long
// as one of them lives. It returns at once.
func (g *Group) Refuse() {
	g.mu.Lock()
	g.closed = true
	queued := slices.Clone(g.queue)
	g.mu.Unlock()
	for _, c := range queued {
		g.unqueue(c, ErrClosed)
	}
	for _, live := range g.livePools() {
		live.refuse()
	}
}

// Accept undoes Refuse, Stop and StopForRestart: a restart that was given up goes
// on with this. Children that were adopted go on with it, too.
func (g *Group) Accept() {
	g.mu.Lock()
	g.closed, g.stopping = false, false
	g.mu.Unlock()
	g.resume()
	for _, live := range g.livePools() {
		live.accept()
	}
}
