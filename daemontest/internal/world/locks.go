package world

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/lock"
)

// LockStore keeps all locks of the world. It is safe for concurrent use.
type LockStore struct {
	*lock.Memory

	mu    sync.Mutex // held for instants only
	takes time.Duration
	kept  []string
}

// SetTakes lets every operation on a lock take d.
func (s *LockStore) SetTakes(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = d
}

// Kept returns the locks that processes still held when they exited.
func (s *LockStore) Kept() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// end is for a process that is no more. What it held and has not been killed
// for is noted.
func (s *LockStore) end(host string, pid int, killed bool) {
	if !killed {
		held := s.Held(host, pid)
		s.mu.Lock()
		s.kept = append(s.kept, held...)
		s.mu.Unlock()
	}
	s.Kill(host, pid)
}

// networkTakes is how long an operation on a lock in a network takes at least.
const networkTakes = 10 * time.Microsecond

// takesNow is how long an operation takes at present.
func (s *LockStore) takesNow(network bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if network {
		return max(s.takes, networkTakes)
	}
	return s.takes
}

// Leased returns a lock that stands for one with a TTL in the world's store,
// until the daemon that declares it is on its host.
func Leased(name string, ttl time.Duration) lock.Locker {
	return leased{lock.NewMemory(nil).Lock(name, ttl), ttl}
}

type leased struct {
	lock.Locker
	ttl time.Duration
}

// locker is the lock in the store that a declared one stands for, as a
// generation reaches it. A lock in a store of the test's own stays there.
func (s *LockStore) locker(g *Generation, declared lock.Locker) lock.Locker {
	if declared.String() == "null:" {
		return declared
	}
	if _, ok := declared.(interface{ InMemory() }); ok {
		return processLock{Locker: declared, g: g, store: s}
	}
	ttl := time.Duration(0)
	if l, ok := declared.(leased); ok {
		ttl = l.ttl
	}
	return processLock{s.Lock(declared.String(), ttl), g, s, ttl > 0}
}

// processLock is a lock as a generation reaches it: not while its process is
// stopped, and not once it is no more.
type processLock struct {
	lock.Locker
	g       *Generation
	store   *LockStore
	network bool
}

func (l processLock) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	return l.lease(ctx, func() (lock.Lease, error) { return l.Locker.Acquire(ctx, who) })
}

func (l processLock) Inherit(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
	return l.lease(ctx, func() (lock.Lease, error) { return l.Locker.Inherit(ctx, who, handoff) })
}

// lease makes a lease that the generation reaches the same way.
func (l processLock) lease(ctx context.Context, ask func() (lock.Lease, error)) (lock.Lease, error) {
	if err := l.reach(ctx); err != nil {
		return nil, err
	}
	lease, err := ask()
	if err != nil {
		return nil, err
	}
	return processLease{lease, l}, nil
}

// reach takes the time that the way to the store takes.
func (l processLock) reach(ctx context.Context) error {
	if takes := l.store.takesNow(l.network); takes > 0 {
		if err := l.g.wait(ctx, laneLock, takes); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	if !l.g.awake() {
		return errGone
	}
	return nil
}

type processLease struct {
	lock.Lease
	lock processLock
}

func (l processLease) Renew(ctx context.Context) error {
	if err := l.lock.reach(ctx); err != nil {
		return err
	}
	return l.Lease.Renew(ctx)
}

func (l processLease) Release(ctx context.Context) error {
	if err := l.lock.reach(ctx); err != nil {
		return err
	}
	return l.Lease.Release(ctx)
}
