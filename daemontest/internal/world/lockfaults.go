package world

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// networkTakes is how long an operation on a lock in a network takes at least.
const networkTakes = 10 * time.Microsecond

// LockFaults is what is wrong with the lock store at present. It is safe for
// concurrent use.
type LockFaults struct {
	mu        sync.Mutex // held for instants only
	takes     time.Duration
	outage    error
	lost      error
	unwatched error
	paused    bool
	arrived   []*request // while it is paused, in their order
	met       Met
}

// Met returns how often what is wrong with the store was met.
func (f *LockFaults) Met() int64 { return f.met.Load() }

// request is an operation that has arrived at a store that is paused.
type request struct {
	goesOn chan struct{}
	late   func() // what it does where nobody waits for the answer any more; nil: somebody does
}

// SetTakes lets every operation on a lock take d.
func (f *LockFaults) SetTakes(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takes = d
}

// SetOutage lets every operation on a lock fail with cause; nil ends that.
func (f *LockFaults) SetOutage(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outage = cause
}

// SetLost lets every operation take effect, and its answer be cause; nil ends
// that.
func (f *LockFaults) SetLost(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = cause
}

// SetUnwatched lets every Wait for a lock fail with cause; nil ends that.
func (f *LockFaults) SetUnwatched(cause error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unwatched = cause
}

// SetPaused lets operations wait, and go on. Those that were given up meanwhile
// take effect then, before the others.
func (f *LockFaults) SetPaused(paused bool) {
	f.mu.Lock()
	f.paused = paused
	arrived := f.arrived
	if !paused {
		f.arrived = nil
	}
	f.mu.Unlock()
	if paused {
		return
	}
	for _, r := range arrived {
		if r.late != nil {
			r.late()
		}
	}
	for _, r := range arrived {
		close(r.goesOn)
	}
}

// takesNow is how long an operation takes at present.
func (f *LockFaults) takesNow(network bool) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met.note(f.takes > 0)
	if network {
		return max(f.takes, networkTakes)
	}
	return f.takes
}

// outageNow is what an operation fails with at present, and unwatchedNow what a
// Wait does.
func (f *LockFaults) outageNow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met.note(f.outage != nil)
	return f.outage
}

func (f *LockFaults) unwatchedNow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met.note(f.unwatched != nil)
	return f.unwatched
}

// lostNow is what comes instead of every answer at present.
func (f *LockFaults) lostNow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met.note(f.lost != nil)
	return f.lost
}

// arrive waits as long as the store is paused. When the caller, of a generation,
// has given up before, the error is not nil, and late is called in the end.
func (f *LockFaults) arrive(ctx context.Context, g *Generation, late func()) error {
	f.mu.Lock()
	if !f.paused {
		f.mu.Unlock()
		return nil
	}
	f.met.note(true)
	r := &request{goesOn: make(chan struct{})}
	f.arrived = append(f.arrived, r)
	f.mu.Unlock()
	select {
	case <-r.goesOn:
		g.time.sleepUntilLane(g.process.block, laneLock)
		return nil
	case <-ctx.Done():
	case <-g.gone:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r.late = late
	if !g.alive() {
		return errGone
	}
	return context.Cause(ctx)
}

// storeClock is the clock of the store's own machine.
type storeClock struct {
	*Clock
	steps atomic.Int64 // nanoseconds
}

// Boot follows the steps.
func (c *storeClock) Boot() time.Duration { return c.Clock.Boot() + time.Duration(c.steps.Load()) }
