package lock

import (
	"context"
	"slices"
	"time"
)

// waitPause is the longest Wait for a lock without a TTL.
const waitPause = time.Second

// memoryWait is a Wait that is under way.
type memoryWait struct {
	name  string
	freed chan struct{} // receives one value when the lock is given back, or taken away
}

// Wait sees each release, eviction and death, and how long the lease has left.
func (l memoryLock) Wait(ctx context.Context) error {
	m := l.store
	if err := m.enter(ctx); err != nil {
		return l.failed("wait for", err)
	}
	w := &memoryWait{name: l.name, freed: make(chan struct{}, 1)}
	m.waiting = append(m.waiting, w)
	left := m.timeLeft(l.name)
	m.mu.Unlock()
	defer m.forget(w)
	if left == 0 {
		return nil
	}
	pause := m.clock.NewTimer(left)
	defer pause.Stop()
	select {
	case <-pause.C():
		return nil
	case <-w.freed:
		return nil
	case <-ctx.Done():
		return l.failed("wait for", context.Cause(ctx))
	}
}

// Look tells the truth.
func (l memoryLock) Look(ctx context.Context) error {
	m := l.store
	if err := m.enter(ctx); err != nil {
		return l.failed("look at", err)
	}
	defer m.mu.Unlock()
	if h := m.hold(l.name); h != nil {
		return l.heldBy(h)
	}
	return nil
}

func (l memoryLock) heldBy(h *memoryHold) error {
	return &HeldError{Lock: l.String(), Holder: h.who, TTL: h.ttl}
}

// timeLeft returns how long it is until the lock is free at the earliest, unless
// it is given back, but a TTL at most; waitPause where it does not end by time.
// The mutex is held.
func (m *Memory) timeLeft(name string) time.Duration {
	h := m.hold(name)
	switch {
	case h == nil:
		return 0
	case h.ttl == 0:
		return waitPause
	}
	return min(h.expires-m.clock.Boot(), h.ttl)
}

// free ends the hold of a lock, and wakes those who wait for it. The mutex is
// held.
func (m *Memory) free(name string) {
	delete(m.leases, name)
	for _, w := range m.waiting {
		if w.name == name {
			select {
			case w.freed <- struct{}{}:
			default:
			}
		}
	}
}

func (m *Memory) forget(w *memoryWait) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = slices.DeleteFunc(m.waiting, func(other *memoryWait) bool { return other == w })
}
