package locktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// names demands that an error says which lock it is about.
func names(t *testing.T, err error, l lock.Locker) {
	t.Helper()
	_, rest, _ := strings.Cut(l.String(), ":")
	if err != nil && !strings.Contains(err.Error(), rest) {
		t.Errorf("%v does not name the lock %s", err, l)
	}
}

func unreachableAtStart(t *testing.T, p pair) {
	p.subject.Outage(t, true)
	for range 2 {
		err := impatient(t, "Acquire in an outage", 0, func(ctx context.Context) error {
			_, err := p.a.Acquire(ctx, ann)
			return err
		})
		open(t, err, "Acquire in an outage")
		names(t, err, p.a)
	}
	p.subject.Outage(t, false)
	release(t, takeSoon(t, p.a, ann, 0))
}

func unreachableWhileHeld(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	token, ttl := lease.Token(), lease.TTL()
	p.subject.Outage(t, true)
	for range 2 {
		err := impatient(t, "Renew in an outage", ttl, lease.Renew)
		open(t, err, "Renew in an outage")
		if err != nil {
			names(t, err, p.a)
		}
	}
	if lease.Token() != token || lease.TTL() != ttl {
		t.Errorf("in an outage the token became %d from %d, and the TTL %v from %v", lease.Token(), token, lease.TTL(), ttl)
	}
	p.subject.Outage(t, false)
	renewSoon(t, lease)
	if lease.Token() != token {
		t.Errorf("after an outage the token became %d from %d", lease.Token(), token)
	}
	_ = refused(t, p.b, bob)
	release(t, lease)
	release(t, take(t, p.b, bob))
}

// renewSoon renews a lease whose store answers again.
func renewSoon(t *testing.T, lease lock.Lease) {
	t.Helper()
	soon(t, "Renew after the outage", 0, func(ctx context.Context) error {
		err := lease.Renew(ctx)
		undecided(t, err, "Renew after the outage")
		return err
	})
}

func inheritInAnOutage(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	handoff := p.handoff(t, lease)
	p.subject.Outage(t, true)
	err := impatient(t, "Inherit in an outage", lease.TTL(), func(ctx context.Context) error {
		_, err := p.a.Inherit(ctx, ann, handoff)
		return err
	})
	open(t, err, "Inherit in an outage")
	p.subject.Outage(t, false)
	p.inheritSoon(t, handoff, lease.Token())
}

// inheritSoon adopts a lease, after an attempt that failed, and ends it.
func (p pair) inheritSoon(t *testing.T, handoff string, token uint64) {
	t.Helper()
	var next lock.Lease
	soon(t, "Inherit after a transient error", 0, func(ctx context.Context) (err error) {
		next, err = p.a.Inherit(ctx, ann, handoff)
		undecided(t, err, "Inherit after a transient error")
		return err
	})
	if next.Token() != token {
		t.Errorf("after a transient error the token became %d from %d", next.Token(), token)
	}
	_ = refused(t, p.b, bob)
	renew(t, next)
	release(t, next)
	release(t, take(t, p.b, bob))
}

func releaseInAnOutage(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	p.subject.Outage(t, true)
	err := impatient(t, "Release in an outage", lease.TTL(), lease.Release)
	undecided(t, err, "Release in an outage")
	p.subject.Outage(t, false)
	p.releaseSoon(t, lease, err)
}

// releaseSoon gives a lock back whose first Release returned that error, which must
// have been the truth.
func (p pair) releaseSoon(t *testing.T, lease lock.Lease, first error) {
	t.Helper()
	if first != nil {
		soon(t, "Release after one that failed", 0, lease.Release)
	}
	var next lock.Lease
	soon(t, "Acquire after a Release", 0, func(ctx context.Context) (err error) {
		if next, err = p.b.Acquire(ctx, bob); errors.Is(err, lock.ErrHeld) {
			t.Errorf("after a Release that returned nil: %v", err)
		}
		return err
	})
	release(t, next)
}

// stalled calls an operation while the store withholds its answers, and returns what
// the operation made of that.
func (p pair) stalled(t *testing.T, what string, lease lock.Lease, operation func(context.Context) error) error {
	t.Helper()
	resume := p.subject.Stall(t)
	defer resume()
	return impatient(t, what+" without an answer", lease.TTL(), operation)
}

func lateAcquire(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	release(t, lease)
	err := p.stalled(t, "Acquire", lease, func(ctx context.Context) error {
		_, err := p.a.Acquire(ctx, ann)
		return err
	})
	open(t, err, "Acquire without an answer")
	if !errors.Is(err, errEnough) {
		t.Errorf("Acquire without an answer = %v, want the context's cause", err)
	}
	if err != nil {
		names(t, err, p.a)
	}
	<-time.After(patience(lease.TTL())) // the request may come as late as its answer
	next := takeSoon(t, p.b, bob, lease.TTL())
	renew(t, next)
	_ = refused(t, p.a, ann)
	release(t, next)
}

func lateRenew(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	token := lease.Token()
	for range 2 {
		open(t, p.stalled(t, "Renew", lease, lease.Renew), "Renew without an answer")
	}
	renewSoon(t, lease)
	if lease.Token() != token {
		t.Errorf("after a late answer the token became %d from %d", lease.Token(), token)
	}
	_ = refused(t, p.b, bob)
	release(t, lease)
	release(t, take(t, p.b, bob))
}

func lateInherit(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	handoff := p.handoff(t, lease)
	err := p.stalled(t, "Inherit", lease, func(ctx context.Context) error {
		_, err := p.a.Inherit(ctx, ann, handoff)
		return err
	})
	open(t, err, "Inherit without an answer")
	p.inheritSoon(t, handoff, lease.Token())
}

func lateToRelease(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	err := p.stalled(t, "Release", lease, lease.Release)
	undecided(t, err, "Release without an answer")
	p.releaseSoon(t, lease, err)
}
