package daemontest

import (
	"context"
	"fmt"
	"time"

	"github.com/evertick/evertick/lock"
)

// Leased is a lock in the world's store that expires unless it is renewed, as
// one in a network does, under the given URL or name. Every other lock that a
// daemon declares is kept in the same store, and freed when its holder dies.
func Leased(name string, ttl time.Duration) lock.Locker {
	return leased{lock.NewMemory(nil).Lock(name, ttl), ttl}
}

// leased stands for the lock until the daemon is on its host.
type leased struct {
	lock.Locker
	ttl time.Duration
}

// somebodyElse holds the locks of Scenario.Held and StealLock.
var somebodyElse = lock.Owner{Name: "poller", PID: 4711, Host: "otherhost", Since: defaultWallStart.Add(-time.Minute)}

// LockOutage lets every operation on a lock fail with err; nil ends that.
func LockOutage(err error) Action {
	return Action{fmt.Sprintf("lock store: %v", err), func(w *World) { w.locks.SetOutage(err) }}
}

// FreeLock makes the store forget who holds the lock of that URL: its holder
// has died, or was evicted.
func FreeLock(url string) Action {
	return Action{"lock " + url + " is free", func(w *World) { w.locks.Evict(url) }}
}

// StealLock gives the lock of that URL to somebody else.
func StealLock(url string) Action {
	return Action{"lock " + url + " is somebody else's", func(w *World) { w.locks.Steal(url, somebodyElse, 0) }}
}

// keep notes the locks that a process held when it exited.
func (w *World) keep(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, names...)
}

// LockTakes lets every operation on a lock take d.
func LockTakes(d time.Duration) Action {
	return Action{fmt.Sprintf("lock store takes %s", d), func(w *World) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lockTakes = d
	}}
}

// processLock is a lock as a process of the world reaches it: not while it is
// stopped, and not once it is no more.
type processLock struct {
	lock.Locker
	i   *image
	far bool // in a network
}

// networkTakes is how long an operation on a lock in a network takes at least.
const networkTakes = 10 * time.Microsecond

func (l processLock) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	return l.lease(ctx, func() (lock.Lease, error) { return l.Locker.Acquire(ctx, who) })
}

func (l processLock) Adopt(ctx context.Context, who lock.Owner, baton string) (lock.Lease, error) {
	return l.lease(ctx, func() (lock.Lease, error) { return l.Locker.Adopt(ctx, who, baton) })
}

// lease makes a lease a process's own.
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

// reach is the way to the lock store.
func (l processLock) reach(ctx context.Context) error {
	w := l.i.world
	w.mu.Lock()
	takes := w.lockTakes
	w.mu.Unlock()
	if l.far {
		takes = max(takes, networkTakes)
	}
	if takes > 0 {
		if err := l.i.wait(ctx, laneLock, takes); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	if !l.i.awake() {
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
