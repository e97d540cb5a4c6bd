package explore

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/forker"
)

// mayFork reports whether a daemon in this state starts children.
func mayFork(state string) bool {
	return state == "setting up" || state == "sleeping" || state == "executing"
}

// forking returns the state of the daemon that is about to fork.
func (w *watcher) forking(d *core.Daemon) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.process(generation(d).PID()).state
}

// forked checks that forks are refused from the moment on at which a stop or a
// restart is decided, and before a daemon may set up, and at no other time. A
// fork during which the state changes, from before to what it is now, may have
// come to either.
func (w *watcher) forked(d *core.Daemon, before string, h *forker.Handle[int], outlives bool, err error) {
	g := generation(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.process(g.PID())
	if !g.Alive() || p.exited {
		return
	}
	if err == nil {
		w.handles = append(w.handles, handle{p.pid, g, outlives, h})
	}
	closed := errors.Is(err, forker.ErrClosed)
	switch was, is := mayFork(before), mayFork(p.state); {
	case was && is && closed:
		w.violated(p.pid, "a fork is refused while the daemon is %s", p.state)
	case !was && !is && !closed:
		w.violated(p.pid, "a fork is not refused while the daemon is %s: %v", p.state, err)
	}
	if err != nil && !closed && !errors.Is(err, forker.ErrFull) {
		w.violated(p.pid, "a fork fails: %v", err)
	}
}

// submitted checks that calls are taken as long as children are, and notes one
// that was.
func (w *watcher) submitted(d *core.Daemon, before string, c *forker.Call[int], number int64, err error) {
	g := generation(d)
	w.mu.Lock()
	p := w.process(g.PID())
	there := g.Alive() && !p.exited
	closed := errors.Is(err, forker.ErrClosed)
	switch {
	case !there:
	case closed && mayFork(before) && mayFork(p.state):
		w.violated(p.pid, "a call is refused while the daemon is %s", p.state)
	case err != nil && !closed && !errors.Is(err, forker.ErrFull):
		w.violated(p.pid, "a call fails: %v", err)
	}
	var its *submitted
	if err == nil && there {
		its = &submitted{daemon: p.pid, program: g, call: c, number: number}
		w.calls = append(w.calls, its)
	}
	w.mu.Unlock()
	if its == nil {
		return
	}
	c.Then(func(int, error) { // takes the live pool's mutex, so the watcher's is free
		w.mu.Lock()
		defer w.mu.Unlock()
		if its.told++; its.told > 1 {
			w.violated(its.daemon, "the end of a call is told twice")
		}
	})
}

// judgeCalls judges the calls in the end: none was run twice, and each has ended,
// and was told to the loop, unless its program could not come to that.
func (w *watcher) judgeCalls(complain func(int, string, ...any)) {
	for _, c := range w.calls {
		count, _ := executions.LoadAndDelete(c.number)
		if n, ran := count.(*atomic.Int64); ran && n.Load() > 1 {
			complain(c.daemon, "a call was run %d times", n.Load())
		}
		killed := slices.ContainsFunc(w.sim.Processes(), func(p *world.Process) bool { return p.PID() == c.daemon && w.died(p) })
		if killed || w.process(c.daemon).says(withoutTeardown...) {
			continue
		}
		switch {
		case c.call.State() != forker.CallEnded:
			complain(c.daemon, "a call is %s in the end", c.call.State())
		case c.told == 0:
			complain(c.daemon, "the end of a call was not told")
		}
	}
}

// checkChildren checks, when the process is about to exit and has given its lock
// back, that no child of it lives. The mutex is held.
func (w *watcher) checkChildren(p *process) {
	for _, c := range w.sim.Children() {
		if c.Daemon().PID() == p.pid && c.Alive() {
			w.violated(p.pid, "the lock is given back, and %s lives", c)
		}
	}
}

// reaped notes that a child was told to be reaped.
func (w *watcher) reaped(h core.HookInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reaps == nil {
		w.reaps = map[int]int{}
	}
	if w.reaps[h.Child.PID]++; w.reaps[h.Child.PID] > 1 {
		w.violated(h.Child.PID, "a child is reaped twice")
	}
}

// judgeChildren judges the children in the end: each was reaped and told of, or
// has died with its daemon, at once.
func (w *watcher) judgeChildren(ends map[int]time.Duration, complain func(int, string, ...any)) {
	for _, h := range w.handles {
		if h.outlives && !h.program.Alive() { // the next program may have it
			continue
		}
		if h.child.Info().State != forker.Ended && !slices.ContainsFunc(w.sim.Processes(), func(p *world.Process) bool { return p.PID() == h.daemon && w.died(p) }) {
			complain(h.daemon, "the handle of a child (PID %d) has not ended", h.child.PID())
		}
	}
	for _, c := range w.sim.Children() {
		_, at, reaped := c.Exit()
		died := ends[c.Daemon().PID()]
		switch {
		case c.Alive():
			complain(c.PID(), "the child lives in the end")
		case at > died+time.Millisecond && died > 0:
			complain(c.PID(), "the child dies at %s, and its daemon has died at %s", at, died)
		case reaped && w.reaps[c.PID()] == 0 && !c.Daemon().Killed():
			complain(c.PID(), "no hook has told that the child was reaped")
		}
	}
}
