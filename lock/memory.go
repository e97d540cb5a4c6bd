package lock

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Memory is a lock store within the process, for tests: the daemons of a test
// that share one store share its locks. It fails on demand: it can be slow or
// out of order, forget a lock or give it to another owner.
//
// It starts no goroutine, holds its mutex for instants only, and leaves nothing
// to chance, so that it may be used within a synctest bubble. It is safe for
// concurrent use.
type Memory struct {
	// Delay, where set, is called at the start of each Acquire, Inherit, Renew
	// and Release, and may block. When it returns an error, such as the
	// context's, that is the operation's, which then has no effect. It must be
	// set before the first of them.
	Delay func(ctx context.Context) error

	clock clockwork.Clock

	mu      sync.Mutex // held for instants only
	leases  map[string]*memoryHold
	tokens  map[string]uint64 // the last one of each lock
	holders int               // how many there have been
	outage  error
	waiting []*memoryWait // in the order in which they came
}

// memoryHold is who holds a lock.
type memoryHold struct {
	holder  string // unique in the store
	who     Owner
	token   uint64
	ttl     time.Duration
	expires time.Duration // a Boot reading; of no meaning when ttl is 0
}

// NewMemory returns an empty store. Leases expire by the Boot of its clock, nil
// for the real one; their holders may have others.
func NewMemory(clock clockwork.Clock) *Memory {
	if clock == nil {
		clock = clockwork.Real()
	}
	return &Memory{clock: clock, leases: map[string]*memoryHold{}, tokens: map[string]uint64{}}
}

// Lock returns the lock of that name in the store. With a TTL it is like a lock in
// a network: it expires unless it is renewed, and the store does not see its
// holder die. With a TTL of 0 it is like a File: it is held until it is
// released or its holder is dead, see Kill. A negative TTL is 0.
//
// Its URL is the name where that is a URL, as of the lock that it stands in
// for, and memory:NAME elsewhere.
func (m *Memory) Lock(name string, ttl time.Duration) Locker {
	return memoryLock{store: m, name: name, ttl: max(ttl, 0)}
}

// Holder returns who holds the lock of that name, and its token; false when
// nobody does.
func (m *Memory) Holder(name string) (who Owner, token uint64, held bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.hold(name)
	if h == nil {
		return Owner{}, 0, false
	}
	return h.who, h.token, true
}

// Held returns the sorted names of the locks that a process holds.
func (m *Memory) Held(host string, pid int) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.leases {
		if h := m.hold(name); h != nil && h.who.Host == host && h.who.PID == pid {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Kill tells the store that a process is dead, as the kernel tells flock. It
// frees that process's locks without a TTL.
func (m *Memory) Kill(host string, pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, h := range m.leases {
		if h.ttl == 0 && h.who.Host == host && h.who.PID == pid {
			m.free(name)
		}
	}
}

// SetOutage makes every operation fail with an error that wraps cause, until
// it is called with nil.
func (m *Memory) SetOutage(cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outage = cause
}

// Evict makes the store forget who holds the lock, as a cache that runs out of
// memory does. Its holder learns by Renew that it is lost. Tokens go on growing.
func (m *Memory) Evict(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free(name)
}

// Steal gives the lock to another owner, even while it is held, and returns the
// thief's token. The thief never renews: without a TTL, Evict or Kill ends it.
func (m *Memory) Steal(name string, thief Owner, ttl time.Duration) (token uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.grant(name, thief, max(ttl, 0)).token
}

// hold returns who holds the lock now, or nil. The mutex is held.
func (m *Memory) hold(name string) *memoryHold {
	h := m.leases[name]
	if h != nil && h.ttl > 0 && m.clock.Boot() >= h.expires {
		delete(m.leases, name)
		return nil
	}
	return h
}

// grant gives the lock to a new owner. The mutex is held.
func (m *Memory) grant(name string, who Owner, ttl time.Duration) *memoryHold {
	m.holders++
	m.tokens[name]++
	h := &memoryHold{
		holder: fmt.Sprintf("%s#%d", name, m.holders),
		who:    who,
		token:  m.tokens[name],
		ttl:    ttl,
	}
	m.leases[name] = h
	m.prolong(h)
	return h
}

// prolong gives the lease a full TTL. The mutex is held.
func (m *Memory) prolong(h *memoryHold) {
	if h.ttl > 0 {
		h.expires = m.clock.Boot() + h.ttl
	}
}

// enter begins an operation on the store and, when it returns nil, has locked
// the mutex.
func (m *Memory) enter(ctx context.Context) error {
	if m.Delay != nil {
		if err := m.Delay(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m.mu.Lock()
	if m.outage != nil {
		defer m.mu.Unlock()
		return m.outage
	}
	return nil
}
