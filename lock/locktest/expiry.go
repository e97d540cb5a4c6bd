package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// almost returns a little less than a TTL.
func almost(ttl time.Duration) time.Duration { return ttl - ttl/4 }

// startWatch takes the lock, and starts the watch.
func (p pair) startWatch(t *testing.T) (lock.Lease, stopwatch) {
	t.Helper()
	lease, watch := takeTimed(t, p.a, ann, 0)
	if lease.TTL() <= 0 {
		t.Fatal("a lease that should expire has no TTL")
	}
	return lease, watch
}

// rival tries to take the lock with b, and puts it back.
func (p pair) rival(t *testing.T) error {
	lease, err := p.b.Acquire(within(t), bob)
	if err == nil {
		release(t, lease)
	}
	return err
}

func expires(t *testing.T, p pair) {
	inTime(t, func() (late bool) {
		lease, watch := p.startWatch(t)
		p.subject.Advance(almost(lease.TTL()))
		err := p.rival(t)
		if watch.late() {
			release(t, lease)
			return true
		}
		if !errors.Is(err, lock.ErrHeld) {
			t.Errorf("Acquire before the TTL is over = %v, want ErrHeld", err)
		}
		p.subject.Advance(lease.TTL())
		return !p.expired(t, lease)
	})
}

// expired looks at a lock whose lease has expired. False: it came too late.
func (p pair) expired(t *testing.T, lease lock.Lease) bool {
	next, watch := takeTimed(t, p.b, bob, 0)
	if next.Token() <= lease.Token() {
		t.Errorf("token %d follows %d", next.Token(), lease.Token())
	}
	renewed := next.Renew(within(t))
	lost(t, lease.Renew(within(t)), "Renew of an expired lease")
	release(t, lease)
	again := next.Renew(within(t))
	rival, err := p.a.Acquire(within(t), ann)
	if err == nil {
		release(t, rival)
	}
	if watch.late() {
		release(t, next)
		return false
	}
	if renewed != nil || again != nil {
		t.Errorf("Renew by the next owner = %v, and then %v", renewed, again)
	}
	if !errors.Is(err, lock.ErrHeld) {
		t.Errorf("Acquire of the next owner's lock = %v, want ErrHeld", err)
	}
	release(t, next)
	return true
}

func tellsTTL(t *testing.T, p pair) {
	inTime(t, func() (late bool) {
		lease, watch := p.startWatch(t)
		defer func() { release(t, lease) }()
		var held *lock.HeldError
		if err := p.rival(t); watch.late() {
			return true
		} else if !errors.As(err, &held) {
			t.Fatalf("Acquire of a held lock = %v, want a *HeldError", err)
		}
		// The lease began after it was asked for. A store that counts in whole
		// seconds may have rounded, twice.
		least, most := watch.ttl-time.Since(watch.asked), watch.ttl+2*time.Second
		if held.TTL < least || held.TTL > most {
			t.Errorf("HeldError.TTL = %v, want at least %v and at most %v", held.TTL, least, most)
		}
		p.subject.Advance(held.TTL)
		next := takeSoon(t, p.b, bob, 0)
		release(t, next)
		return false
	})
}

// prolongs demands a full TTL of whatever confirms the lease.
func (p pair) prolongs(t *testing.T, confirm func(ctx context.Context, lease *lock.Lease) error) {
	inTime(t, func() (late bool) {
		lease, watch := p.startWatch(t)
		defer func() { release(t, lease) }()
		for range 2 {
			p.subject.Advance(almost(watch.ttl))
			asked := time.Now()
			err := confirm(within(t), &lease)
			if watch.late() {
				return true
			}
			if err != nil {
				t.Fatalf("a lease that is confirmed in time = %v", err)
			}
			watch.asked = asked
		}
		p.subject.Advance(almost(watch.ttl))
		err := p.rival(t)
		if watch.late() {
			return true
		}
		if !errors.Is(err, lock.ErrHeld) {
			t.Errorf("Acquire of a lock that is confirmed in time = %v, want ErrHeld", err)
		}
		return false
	})
}

func renewProlongs(t *testing.T, p pair) {
	p.prolongs(t, func(ctx context.Context, lease *lock.Lease) error { return (*lease).Renew(ctx) })
}

func inheritProlongs(t *testing.T, p pair) {
	p.prolongs(t, func(ctx context.Context, lease *lock.Lease) error {
		next, err := p.a.Inherit(ctx, ann, p.handoff(t, *lease))
		if err == nil {
			*lease = next
		}
		return err
	})
}
