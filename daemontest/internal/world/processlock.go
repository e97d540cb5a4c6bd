package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// Leased returns a lock that stands for one with a TTL in the world's store,
// until the daemon that declares it is on its host.
func Leased(name string, ttl time.Duration) lock.Locker {
	return leased{lock.NewMemory(nil).Lock(name, ttl), ttl}
}

type leased struct {
	lock.Locker
	ttl time.Duration
}

// locker is the lock that a declared one stands for, as a generation reaches
// it. A lock in a store of the test's own stays there.
func (s *LockStore) locker(g *Generation, clock clockwork.Clock, declared lock.Locker) lock.Locker {
	if declared.String() == "null:" {
		return declared
	}
	switch l := declared.(type) {
	case lock.FileLock:
		path, _ := strings.CutPrefix(l.String(), "file:")
		if path == "" {
			return l // which Check refuses
		}
		path = g.path(path)
		bound := lock.File(path).Bind("/", clock).(lock.FileLock)
		return s.waiting(processLock{bound.Among(s.among), g, s, false, s.files.real(path)})
	case leased:
		return s.waiting(processLock{s.memory.Lock(l.String(), l.ttl), g, s, true, ""})
	case interface{ InMemory() }:
		return s.waiting(processLock{declared, g, s, false, ""})
	case interface{ TTL() time.Duration }:
		return s.waiting(processLock{s.memory.Lock(declared.String(), l.TTL()), g, s, true, ""})
	}
	return s.waiting(processLock{s.memory.Lock(declared.String(), 0), g, s, false, ""})
}

// waiting returns the lock as one that tells when it is free, if it can.
func (s *LockStore) waiting(l processLock) lock.Locker {
	if waiter, ok := l.Locker.(lock.Waiter); ok {
		return waitingLock{l, waiter}
	}
	return l
}

// waitingLock is a processLock that tells when it is free.
type waitingLock struct {
	processLock
	waiter lock.Waiter
}

var _ lock.Waiter = waitingLock{}

// Wait lets a process learn in its own lane what it has waited for.
func (l waitingLock) Wait(ctx context.Context) error {
	if err := l.reach(ctx, "wait for"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-l.g.gone:
			cancel(errGone)
		case <-ctx.Done():
		}
	}()
	err := l.store.unwatchedNow()
	if err == nil {
		err = l.waiter.Wait(ctx)
	}
	l.g.time.sleepUntilLane(l.g.process.block, laneLock)
	if !l.g.awake() {
		return l.g.freeze()
	}
	return err
}

// processLock is a lock as a generation reaches it: not while its process is
// stopped, and not once it is no more.
type processLock struct {
	lock.Locker
	g       *Generation
	store   *LockStore
	network bool
	path    string // the real one of a lock file
}

func (l processLock) String() string { return l.store.files.Plain(l.Locker.String()) }

func (l processLock) Check() error {
	if l.path != "" {
		if err := l.store.files.refusal(l.path); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	return l.Locker.Check()
}

func (l processLock) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	return l.lease(ctx, "take", who, func(ctx context.Context) (lock.Lease, error) { return l.Locker.Acquire(ctx, who) })
}

func (l processLock) Inherit(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
	return l.lease(ctx, "inherit", who, func(ctx context.Context) (lock.Lease, error) {
		lease, err := l.Locker.Inherit(ctx, who, handoff)
		if err == nil {
			l.g.locked.take(handoff)
		}
		return lease, err
	})
}

// Look is part of lock.Looker.
func (l processLock) Look(ctx context.Context) error {
	looker, ok := l.Locker.(lock.Looker)
	if !ok {
		return errors.ErrUnsupported
	}
	if err := l.reach(ctx, "look at"); err != nil {
		return err
	}
	return l.told(looker.Look(ctx))
}

// told lets an error name the lock as the world knows it.
func (l processLock) told(err error) error {
	var held *lock.HeldError
	if errors.As(err, &held) {
		return &lock.HeldError{Lock: l.String(), Holder: held.Holder, TTL: held.TTL}
	}
	return err
}

// lease makes a lease that the generation reaches the same way.
func (l processLock) lease(ctx context.Context, doing string, who lock.Owner, ask func(ctx context.Context) (lock.Lease, error)) (lock.Lease, error) {
	l.store.asked(l.String())
	var lease lock.Lease
	err := l.operate(ctx, doing, func(ctx context.Context) (err error) {
		lease, err = ask(ctx)
		return err
	})
	if err != nil {
		return nil, l.told(err)
	}
	p := &processLease{lease, l, who}
	if l.path != "" {
		l.g.locked.add(p)
	}
	l.store.holds(l.String(), l.path, who)
	if !l.g.alive() { // it was killed in between
		l.g.locked.end()
		return nil, l.g.freeze()
	}
	return p, nil
}

// reach takes the time that the way to the store takes.
func (l processLock) reach(ctx context.Context, doing string) error {
	if takes := l.store.takesNow(l.network); takes > 0 {
		if err := l.g.wait(ctx, laneLock, takes); err != nil {
			return fmt.Errorf("lock: %s %s: %w", doing, l, err)
		}
	}
	if !l.g.awake() {
		return l.g.freeze()
	}
	if outage := l.store.outageNow(); outage != nil {
		return lock.Unreachable(fmt.Errorf("lock: %s %s: %w", doing, l, outage))
	}
	if l.path != "" {
		if err := l.store.files.refusal(l.path); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
	}
	return nil
}

// operate carries out an operation on the lock's store. Files know neither
// pauses nor answers that get lost.
func (l processLock) operate(ctx context.Context, doing string, do func(ctx context.Context) error) error {
	if err := l.reach(ctx, doing); err != nil {
		return err
	}
	if l.path != "" {
		return do(ctx)
	}
	if err := l.store.arrive(ctx, l.g, func() { _ = do(context.WithoutCancel(ctx)) }); err != nil {
		if !l.g.awake() {
			return l.g.freeze()
		}
		return fmt.Errorf("lock: %s %s: %w", doing, l, err)
	}
	if !l.g.awake() {
		return l.g.freeze()
	}
	err := do(ctx)
	if lost := l.store.lostNow(); lost != nil {
		return fmt.Errorf("lock: %s %s: %w", doing, l, lost)
	}
	return err
}

type processLease struct {
	lock.Lease
	lock processLock
	who  lock.Owner
}

func (l *processLease) Renew(ctx context.Context) error {
	err := l.lock.operate(ctx, "renew", l.Lease.Renew)
	if err == nil {
		l.lock.store.holds(l.lock.String(), l.lock.path, l.who)
	}
	return err
}

func (l *processLease) Release(ctx context.Context) error {
	return l.lock.operate(ctx, "release", func(ctx context.Context) error {
		l.lock.store.released(l.lock.path, l.who)
		return l.Lease.Release(ctx)
	})
}

func (l *processLease) Handoff() (lock.Handoff, error) {
	h, err := l.Lease.Handoff()
	if err == nil {
		h.Value, err = l.lock.g.locked.pass(h.Value, h.File)
	}
	return h, err
}

func (l *processLease) file() *os.File {
	h, err := l.Lease.Handoff()
	if err != nil {
		return nil // it was released, or lost
	}
	return h.File
}
