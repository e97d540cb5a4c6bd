package lock

import (
	"context"
	"fmt"
	"time"
)

// memoryLock is a lock in a Memory.
type memoryLock struct {
	store *Memory
	name  string
	ttl   time.Duration
}

// memoryLease is a memoryLock that is held.
type memoryLease struct {
	lock   memoryLock
	holder string
	token  uint64
}

var (
	_ Locker = memoryLock{}
	_ Waiter = memoryLock{}
	_ Looker = memoryLock{}
	_ Lease  = memoryLease{}
)

// InMemory marks a lock that lives in a test's own store.
func (l memoryLock) InMemory() {}

func (l memoryLock) String() string {
	if schemeOf(l.name) != "" {
		return l.name
	}
	return "memory:" + l.name
}

// Check has nothing to check: whether the store is out of order is found out
// by asking it.
func (l memoryLock) Check() error { return nil }

func (l memoryLock) Acquire(ctx context.Context, who Owner) (Lease, error) {
	m := l.store
	if err := m.enter(ctx); err != nil {
		return nil, l.failed("take", err)
	}
	defer m.mu.Unlock()
	if h := m.hold(l.name); h != nil {
		return nil, l.heldBy(h)
	}
	h := m.grant(l.name, who, l.ttl)
	return memoryLease{l, h.holder, h.token}, nil
}

// Inherit leaves the time since when the lock is held as it is.
func (l memoryLock) Inherit(ctx context.Context, who Owner, handoff string) (Lease, error) {
	m := l.store
	if err := m.enter(ctx); err != nil {
		return nil, l.failed("inherit", err)
	}
	defer m.mu.Unlock()
	h := m.hold(l.name)
	if h == nil || h.holder != handoff {
		return nil, l.failed("inherit", ErrLost)
	}
	who.Since = h.who.Since
	h.who = who
	m.prolong(h)
	return memoryLease{l, h.holder, h.token}, nil
}

func (l memoryLock) failed(what string, err error) error {
	return fmt.Errorf("lock: %s %s: %w", what, l, err)
}

func (l memoryLease) Token() uint64      { return l.token }
func (l memoryLease) TTL() time.Duration { return l.lock.ttl }

func (l memoryLease) Renew(ctx context.Context) error {
	m := l.lock.store
	if err := m.enter(ctx); err != nil {
		return l.lock.failed("renew", err)
	}
	defer m.mu.Unlock()
	h := m.hold(l.lock.name)
	if h == nil || h.holder != l.holder {
		return l.lock.failed("renew", ErrLost)
	}
	m.prolong(h)
	return nil
}

// Handoff asks nothing of the store: the handoff is the holder's own name.
func (l memoryLease) Handoff() (Handoff, error) { return Handoff{Value: l.holder}, nil }

func (l memoryLease) Release(ctx context.Context) error {
	m := l.lock.store
	if err := m.enter(ctx); err != nil {
		return l.lock.failed("release", err)
	}
	defer m.mu.Unlock()
	if h := m.hold(l.lock.name); h != nil && h.holder == l.holder {
		m.free(l.lock.name)
	}
	return nil
}
