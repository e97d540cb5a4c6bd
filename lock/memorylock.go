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
	_ Lease  = memoryLease{}
)

// InMemory marks a lock that lives in a test's own store.
func (l memoryLock) InMemory() {}

func (l memoryLock) String() string {
	if scheme.MatchString(l.name) {
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
		return nil, &HeldError{Lock: l.String(), Holder: h.who}
	}
	h := m.grant(l.name, who, l.ttl)
	return memoryLease{l, h.holder, h.token}, nil
}

// Adopt leaves the time since when the lock is held as it is.
func (l memoryLock) Adopt(ctx context.Context, who Owner, baton string) (Lease, error) {
	m := l.store
	if err := m.enter(ctx); err != nil {
		return nil, l.failed("adopt", err)
	}
	defer m.mu.Unlock()
	h := m.hold(l.name)
	if h == nil || h.holder != baton {
		return nil, l.failed("adopt", ErrLost)
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

// Handover asks nothing of the store: the baton is the holder's own name.
func (l memoryLease) Handover() (Baton, error) { return Baton{Value: l.holder}, nil }

func (l memoryLease) Release(ctx context.Context) error {
	m := l.lock.store
	if err := m.enter(ctx); err != nil {
		return l.lock.failed("release", err)
	}
	defer m.mu.Unlock()
	if h := m.hold(l.lock.name); h != nil && h.holder == l.holder {
		delete(m.leases, l.lock.name)
	}
	return nil
}
