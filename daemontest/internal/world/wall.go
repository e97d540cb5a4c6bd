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

	stepped broadcast // it was moved, or the machine wakes
	awake   broadcast // the machine was suspended, and wakes
}

// Step moves the wall clock by d, forwards or back. No timer notices.
func (w *WallClock) Step(d time.Duration) {
	w.steps.Add(int64(d))
	w.stepped.send()
}

// Suspend lets the machine sleep for d: its wall clock and its Boot go on, and
// what else is counted stands still. No timer notices, but for those that count
// Boot.
func (w *WallClock) Suspend(d time.Duration) {
	w.suspended.Add(int64(d))
	w.awake.send()
	w.stepped.send()
}

// broadcast tells all who wait.
type broadcast struct {
	mu sync.Mutex    // held for instants only
	c  chan struct{} // nil: nobody waits
}

// next returns what is closed when send is called next.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}

// at returns what the clock shows that long after the scenario's start.
func (w *WallClock) at(d time.Duration) time.Time {
	return w.start.Add(d + time.Duration(w.steps.Load()+w.suspended.Load()))
}
