package core

import (
	"context"
	"sync"
)

// aside runs the user's functions that must not hold up the loop, such as
// handlers of signals, one after the other.
type aside struct {
	d    *Daemon
	todo chan func()
	over chan struct{}
	end  sync.Once
}

// asideDepth is how many functions may wait. More than that means that one of
// them hangs; the newest is then dropped and logged.
const asideDepth = 64

func newAside(d *Daemon) *aside {
	a := &aside{d: d, todo: make(chan func(), asideDepth), over: make(chan struct{})}
	go a.run()
	return a
}

// run goes on in a new goroutine when a function has ended this one, which is
// what runtime.Goexit does.
func (a *aside) run() {
	returned := true
	defer func() {
		if !returned {
			a.d.Logf("Error: a signal handler: %v", errGoexit)
			go a.run()
		}
	}()
	for {
		select {
		case f := <-a.todo:
			returned = false
			if a.d.host.Observe != nil {
				a.d.host.Observe(Observation{Kind: ObserveAside})
			}
			f()
			returned = true
		case <-a.over:
			return
		}
	}
}

// do never blocks.
func (a *aside) do(f func()) {
	select {
	case a.todo <- f:
	default:
		a.d.Logf("Error: %d signal handlers wait already: one is dropped. Does one of them hang?", asideDepth)
	}
}

// drain waits until what was given before has run, or ctx is done.
func (a *aside) drain(ctx context.Context) {
	done := make(chan struct{})
	select {
	case a.todo <- func() { close(done) }:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// close ends it; what still waits does not run. A teardown that was left behind
// may use it all the same.
func (a *aside) close() { a.end.Do(func() { close(a.over) }) }
