package world

import (
	"sync/atomic"
	"time"
)

// WallClock is the wall clock of a machine, which steps can move. It goes on
// while the machine is suspended, as its Boot does.
type WallClock struct {
	start     time.Time
	steps     atomic.Int64 // nanoseconds
	suspended atomic.Int64 // nanoseconds
}

// Step moves the wall clock by d, forwards or back. No timer notices.
func (w *WallClock) Step(d time.Duration) { w.steps.Add(int64(d)) }

// Suspend lets the machine sleep for d: its wall clock and its Boot go on, and
// what else is counted stands still. No timer notices.
func (w *WallClock) Suspend(d time.Duration) { w.suspended.Add(int64(d)) }

// at returns what the clock shows that long after the scenario's start.
func (w *WallClock) at(d time.Duration) time.Time {
	return w.start.Add(d + time.Duration(w.steps.Load()+w.suspended.Load()))
}
