package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// cancelled returns a context that has ended for errEnough.
func cancelled() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errEnough)
	return ctx
}

func cancelledTakesNothing(t *testing.T, p pair) {
	if lease, err := p.a.Acquire(cancelled(), ann); err == nil {
		_ = lease.Release(context.Background())
		t.Error("Acquire with a cancelled context succeeded")
	} else if !errors.Is(err, errEnough) || errors.Is(err, lock.ErrHeld) {
		t.Errorf("Acquire = %v, want the context's cause", err)
	}
	release(t, take(t, p.b, bob))
}

func cancelledLosesNothing(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	token := lease.Token()
	undecided(t, lease.Renew(cancelled()), "Renew with a cancelled context")
	renew(t, lease)

	handoff := p.handoff(t, lease)
	next, err := p.a.Inherit(cancelled(), ann, handoff)
	undecided(t, err, "Inherit with a cancelled context")
	if err != nil {
		if next, err = p.a.Inherit(within(t), ann, handoff); err != nil {
			t.Fatalf("Inherit after one with a cancelled context = %v", err)
		}
	}
	if next.Token() != token {
		t.Errorf("the token became %d from %d", next.Token(), token)
	}
	undecided(t, next.Release(cancelled()), "Release with a cancelled context")
	release(t, next)
	release(t, take(t, p.b, bob))
}

// soonCancelled returns a context that ends while an operation may be under
// way: the later, the greater n is.
func soonCancelled(n int) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	timer := time.AfterFunc(time.Duration(n)*150*time.Microsecond, func() { cancel(errEnough) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// moments is at how many moments the suite cancels an operation.
const moments = 12

func cancelledAcquire(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	ttl := lease.TTL()
	release(t, lease)
	for n := range moments {
		ctx, stop := soonCancelled(n)
		lease, err := p.a.Acquire(ctx, ann)
		stop()
		if err == nil {
			renew(t, lease)
			release(t, lease)
		} else if undecided(t, err, "Acquire that was cancelled"); !errors.Is(err, errEnough) {
			t.Errorf("Acquire = %v, want the context's cause", err)
		}
		release(t, takeSoon(t, p.b, bob, ttl))
	}
}

func cancelledLease(t *testing.T, p pair) {
	for n := range moments {
		lease := take(t, p.a, ann)
		token := lease.Token()
		bounded := func(operation func(ctx context.Context) error) error {
			ctx, stop := soonCancelled(n)
			defer stop()
			return operation(ctx)
		}
		undecided(t, bounded(lease.Renew), "Renew that was cancelled")
		renew(t, lease)

		handoff := p.handoff(t, lease)
		err := bounded(func(ctx context.Context) (err error) {
			lease, err = p.a.Inherit(ctx, ann, handoff)
			return err
		})
		undecided(t, err, "Inherit that was cancelled")
		if err != nil {
			if lease, err = p.a.Inherit(within(t), ann, handoff); err != nil {
				t.Fatalf("Inherit after one that was cancelled = %v", err)
			}
		}
		if lease.Token() != token {
			t.Errorf("the token became %d from %d", lease.Token(), token)
		}
		_ = refused(t, p.b, bob)
		undecided(t, bounded(lease.Release), "Release that was cancelled")
		release(t, lease)
		release(t, take(t, p.b, bob))
	}
}
