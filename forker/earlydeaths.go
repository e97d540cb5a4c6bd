package forker

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// DefaultMaxEarlyDeaths is how many children of a task may die early within
	// a minute.
	DefaultMaxEarlyDeaths = 20

	// earlyAge is the age before which a death is an early one, and deathWindow
	// how long it counts.
	earlyAge    = 3 * time.Second
	deathWindow = time.Minute

	// A task that is not started any more is tried again after such pauses.
	firstTrialPause = time.Second
	maxTrialPause   = 5 * time.Minute
)

// deathWatch is what is known of the early deaths of a task's children.
type deathWatch struct {
	deaths []time.Time   // within the window
	last   error         // how the latest ended
	pause  time.Duration // not 0: children are not started
	until  time.Time     // the end of the pause
	trial  *child        // the one that is tried after it
}

// mayStart returns ErrEarlyDeaths where the children of a task are not started;
// mu is held.
func (g *Group) mayStart(task string) error {
	w := g.watches[task]
	if w == nil || w.pause == 0 {
		return nil
	}
	now := g.clock().Now()
	switch trial := w.trial; {
	case trial == nil && !now.Before(w.until):
		return nil
	case trial == nil:
		return fmt.Errorf("%w, the last one: %w; the next one is tried in %v", ErrEarlyDeaths, w.last, w.until.Sub(now).Round(time.Millisecond))
	case !trial.startedAt.IsZero() && now.Sub(trial.startedAt) >= earlyAge:
		g.endWatch(task)
		return nil
	}
	return fmt.Errorf("%w; one is being tried", ErrEarlyDeaths)
}

// endWatch lets children of a task be started again; mu is held.
func (g *Group) endWatch(task string) {
	delete(g.watches, task)
	g.revived = append(g.revived, task)
}

// tellRevived tells of the tasks whose children live again.
func (g *Group) tellRevived() {
	g.mu.Lock()
	tasks := g.revived
	g.revived = nil
	g.mu.Unlock()
	for _, task := range tasks {
		if g.OnEarlyDeaths != nil {
			g.OnEarlyDeaths(task, nil)
		}
	}
}

// diedEarly reports whether a child has died by itself in its first seconds,
// and had done nothing before.
func (c *child) diedEarly(err error) bool {
	switch {
	case err == nil || c.closure != nil || c.timedOut || closed(c.tell) || closed(c.kill):
		return false
	case c.worker != nil && c.worker.wasEverReady() || c.worker == nil && c.outcome.Kind != 0:
		return false
	}
	return c.endedAt.Sub(c.startedAt) < earlyAge
}

// noteEnd counts a child that has ended.
func (g *Group) noteEnd(c *child, err error) {
	g.mu.Lock()
	early, w := c.diedEarly(err), g.watches[c.task]
	var excess error
	switch {
	case w != nil && w.trial == c && early:
		w.last, w.trial = err, nil
		w.pause = min(2*w.pause, maxTrialPause)
		w.until = c.endedAt.Add(w.pause)
	case w != nil && w.trial == c && (closed(c.tell) || closed(c.kill)):
		w.trial = nil // it has shown nothing
	case w != nil && w.trial == c:
		g.endWatch(c.task)
	case early && (w == nil || w.pause == 0):
		excess = g.countDeath(c, err)
	}
	g.mu.Unlock()
	g.tellRevived()
	if excess == nil {
		return
	}
	if g.OnEarlyDeaths != nil {
		g.OnEarlyDeaths(c.task, excess)
	}
	for _, other := range g.queued() {
		if other.task == c.task {
			g.unqueue(other, excess)
		}
	}
}

// countDeath counts an early death, and returns ErrEarlyDeaths where it is one
// too many; mu is held.
func (g *Group) countDeath(c *child, err error) error {
	if g.watches == nil {
		g.watches = make(map[string]*deathWatch)
	}
	w := g.watches[c.task]
	if w == nil {
		w = &deathWatch{}
		g.watches[c.task] = w
	}
	w.last = err
	w.deaths = slices.DeleteFunc(append(w.deaths, c.endedAt), func(at time.Time) bool { return c.endedAt.Sub(at) > deathWindow })
	if len(w.deaths) <= cmp.Or(g.MaxEarlyDeaths, DefaultMaxEarlyDeaths) {
		return nil
	}
	w.pause, w.until = firstTrialPause, c.endedAt.Add(firstTrialPause)
	return fmt.Errorf("%w: %d within %v, each in its first %v, the last one: %w",
		ErrEarlyDeaths, len(w.deaths), deathWindow, earlyAge, err)
}

// queued returns the children that wait to be started.
func (g *Group) queued() []*child {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.queue)
}
