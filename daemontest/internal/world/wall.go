package world

import (
	"sync"
	"sync/atomic"
	"time"
)

// WallClock is the wall clock of a machine, which steps can move. It goes on
// while the machine is suspended, as its Boot does.
type WallClock struct {
	start     time.Time
	steps     atomic.Int64 // nanoseconds
	suspended atomic.Int64 // nanoseconds

	mu    sync.Mutex    // held for instants only
	awake chan struct{} // closed when the machine wakes; nil: nobody waits
}

// Step moves the wall clock by d, forwards or back. No timer notices.
func (w *WallClock) Step(d time.Duration) { w.steps.Add(int64(d)) }

// Suspend lets the machine sleep for d: its wall clock and its Boot go on, and
// what else is counted stands still. No timer notices, but for those that count
// Boot.
func (w *WallClock) Suspend(d time.Duration) {
	w.suspended.Add(int64(d))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.awake != nil {
		close(w.awake)
		w.awake = nil
	}
}

// wakes returns what is closed when the machine has been suspended and wakes.
func (w *WallClock) wakes() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.awake == nil {
		w.awake = make(chan struct{})
	}
	return w.awake
}

// at returns what the clock shows that long after the scenario's start.
func (w *WallClock) at(d time.Duration) time.Time {
	return w.start.Add(d + time.Duration(w.steps.Load()+w.suspended.Load()))
}
