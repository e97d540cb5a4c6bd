package forker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// handedOver is what the next program is told of a child, as JSON.
type handedOver struct {
	Task    string    `json:"task"`
	Process string    `json:"process"` // Pausable's handoff
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`

	Age      time.Duration `json:"age"`
	Left     time.Duration `json:"left"` // of its time-out, or of the grace where that is over
	Timeout  time.Duration `json:"timeout"`
	Grace    time.Duration `json:"grace"`
	TimedOut bool          `json:"timed_out,omitempty"`
	State    State         `json:"state"`
	Killed   bool          `json:"killed,omitempty"` // by Handle.Kill

	Memory  int64 `json:"memory,omitempty"`
	Awaited bool  `json:"awaited,omitempty"` // somebody waited for its result

	Began   bool    `json:"began,omitempty"`
	Outcome Message `json:"outcome,omitzero"`
	Data    []byte  `json:"data,omitempty"` // the outcome's
	Crash   crash   `json:"crash,omitzero"`

	Stdout []byte `json:"stdout,omitempty"` // the beginning of a line
	Stderr []byte `json:"stderr,omitempty"`
}

// Adopted returns the children of this task that the program before has handed
// over, those that have ended in the meantime included, and each of them once:
// who has its handle is told what becomes of it. Call it in a daemon's Setup, or
// later. A result that was waited for in the program before, and that nobody has
// asked for until the daemon stops or restarts again, is told to OnFailure as
// ErrLost.
func (t *Task[In, Out]) Adopted(group Forker) []*Handle[Out] {
	g := group.Children()
	g.mu.Lock()
	defer g.mu.Unlock()
	var handles []*Handle[Out]
	g.adopted = slices.DeleteFunc(g.adopted, func(c *child) bool {
		if c.task != t.name {
			return false
		}
		c.attended = true
		handles = append(handles, &Handle[Out]{group: g, child: c})
		return true
	})
	return handles
}

// pause pauses children together, until ctx is done. Those that cannot be paused
// are asked to end.
func (g *Group) pause(ctx context.Context, children []*child) {
	var pausing sync.WaitGroup
	for _, c := range children {
		pausing.Go(func() {
			switch err := g.pauseOne(ctx, c); {
			case errors.Is(err, os.ErrProcessDone): // it ends by itself
			case err != nil:
				c.askToEnd()
			}
		})
	}
	pausing.Wait()
}

func (g *Group) pauseOne(ctx context.Context, c *child) error {
	select {
	case <-c.announced: // its process is known
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p, can := c.process.(Pausable)
	if !can {
		return errors.ErrUnsupported
	}
	if err := p.Pause(ctx); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c.paused = !g.stopping
	g.change()
	if g.stopping {
		p.Resume()
		return errors.New("all children are to end")
	}
	return nil
}

// resume lets go on what is paused.
func (g *Group) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.running {
		if c.paused {
			c.paused = false
			c.process.(Pausable).Resume()
		}
	}
}

// Paused reports whether children are paused: StopForRestart has spared them, or
// they were adopted and neither Accept nor Stop was called since.
func (g *Group) Paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.running, func(c *child) bool { return c.paused })
}

// Handoff returns what Adopt of the next program is to be given: the children
// that are paused. The zero value says that there are none. It blocks nobody. If
// no exec follows, Accept lets them go on.
func (g *Group) Handoff() (Handoff, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []handedOver
	var files []*os.File
	for _, c := range g.running {
		if !c.paused {
			continue
		}
		process, err := c.process.(Pausable).Handoff()
		if err != nil {
			return Handoff{}, fmt.Errorf("forker: hand over task %s (PID %d): %w", c.task, c.pid, err)
		}
		now := g.clock().Now()
		all = append(all, handedOver{
			Task: c.task, Process: process.Value, PID: c.pid, Started: c.started,
			Age: now.Sub(c.startedAt), Left: c.dueAt.Sub(now), Timeout: c.settings.timeout, Grace: c.settings.grace,
			TimedOut: c.timedOut, State: c.state, Killed: closed(c.kill),
			Memory: c.settings.memory, Awaited: c.attended || c.lost,
			Began: c.began, Outcome: c.outcome, Data: c.outcome.Data, Crash: c.crash,
			Stdout: c.stdout.rest, Stderr: c.stderr.rest,
		})
		files = append(files, process.Files...)
	}
	if all == nil {
		return Handoff{}, nil
	}
	value, err := json.Marshal(all)
	return Handoff{Value: string(value), Files: files}, err
}

// Adopt takes over the children that the program before has handed off. They
// count at once, and go on with Accept: until then what they print and say
// waits. It returns those that it has, and an error for each that is lost or
// whose task this program does not have any more.
func (g *Group) Adopt(handoff string) ([]Info, error) {
	if handoff == "" {
		return nil, nil
	}
	var all []handedOver
	if err := json.Unmarshal([]byte(handoff), &all); err != nil {
		return nil, fmt.Errorf("forker: adopt the children of the program before: %w", err)
	}
	adopter, can := g.processes().(Adopter)
	var infos []Info
	var errs []error
	for _, h := range all {
		c := h.child(g)
		var err error
		if can {
			c.process, err = adopter.Adopt(h.Process, c.command(g))
		} else {
			err = errors.ErrUnsupported
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("forker: task %s (PID %d) is lost: it cannot be adopted: %w", h.Task, h.PID, err))
			continue
		}
		infos = append(infos, g.adopt(c, h))
		if registered(h.Task) == nil {
			errs = append(errs, fmt.Errorf("forker: this program has no task %s any more: PID %d goes on until its time-out, and nobody can ask for its result", h.Task, h.PID))
		}
	}
	return infos, errors.Join(errs...)
}

// child returns the child that was handed over, as it was.
func (h handedOver) child(g *Group) *child {
	c := newChild(h.Task, nil, settings{
		timeout: h.Timeout, grace: h.Grace, memory: h.Memory, outlives: true,
	})
	c.pid, c.state, c.started = h.PID, h.State, h.Started
	c.startedAt = g.clock().Now().Add(-h.Age)
	c.timedOut, c.paused, c.lost = h.TimedOut, true, h.Awaited
	c.began, c.outcome, c.crash = h.Began, h.Outcome, h.Crash
	c.outcome.Data = h.Data
	close(c.announced)
	close(c.left)
	if h.Killed {
		c.forceEnd()
	}
	return c
}

// adopt counts a child among the running ones.
func (g *Group) adopt(c *child, h handedOver) Info {
	c.stdout.rest, c.stderr.rest = h.Stdout, h.Stderr
	left := max(h.Left, 0)
	timer := g.newTimer(left)
	g.mu.Lock()
	c.dueAt = g.clock().Now().Add(min(left, forever))
	g.running, g.adopted = append(g.running, c), append(g.adopted, c)
	info := g.info(c)
	g.mu.Unlock()
	go g.attend(c, timer)
	return info
}

// endAdopted tells what results are lost, now that nobody can ask for them any
// more.
func (g *Group) endAdopted() {
	g.mu.Lock()
	var lost []*child
	g.adopted = slices.DeleteFunc(g.adopted, func(c *child) bool {
		if c.state != Ended { // the next program may ask
			return false
		}
		if c.lost && c.err == nil {
			lost = append(lost, c)
		}
		return true
	})
	g.mu.Unlock()
	for _, c := range lost {
		if g.OnFailure != nil {
			g.OnFailure(g.infoOf(c), c.explain(ErrLost))
		}
	}
}
