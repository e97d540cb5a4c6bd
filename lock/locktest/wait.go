package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// waiting returns b, which waits; nil, and says so, where the lock cannot wait.
func (p pair) waiting(t *testing.T) lock.Waiter {
	w, ok := p.b.(lock.Waiter)
	if !ok {
		t.Logf("%T is no lock.Waiter", p.b)
		return nil
	}
	return w
}

func waitFree(t *testing.T, p pair) {
	w := p.waiting(t)
	if w == nil {
		return
	}
	for range 2 {
		if err := w.Wait(within(t)); err != nil {
			t.Errorf("Wait for a free lock = %v", err)
		}
	}
	release(t, take(t, p.a, ann))
}

func waitRelease(t *testing.T, p pair) {
	w := p.waiting(t)
	if w == nil {
		return
	}
	for range 3 {
		lease := take(t, p.a, ann)
		done := make(chan error, 1)
		go func() { done <- w.Wait(within(t)) }()
		<-time.After(patience(lease.TTL()))
		renew(t, lease)
		release(t, lease)
		if err := returned(t, "Wait for a lock that was released", done); err != nil {
			t.Errorf("Wait = %v", err)
		}
		// It takes nothing, and has given up nobody's lock.
		lease = take(t, p.a, ann)
		_ = refused(t, p.b, bob)
		release(t, lease)
	}
}

func waitEnds(t *testing.T, p pair) {
	w := p.waiting(t)
	if w == nil {
		return
	}
	lease := take(t, p.a, ann)
	// A Wait may return before the lock is free, and is then called again.
	err := impatient(t, "Wait for a held lock", lease.TTL(), func(ctx context.Context) error {
		for {
			err := w.Wait(ctx)
			if err != nil || ctx.Err() != nil {
				return err
			}
			<-time.After(poll)
		}
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("Wait for a held lock = %v, want the context's cause", err)
	}
	if err := w.Wait(cancelled()); !errors.Is(err, errEnough) {
		t.Errorf("Wait with a cancelled context = %v, want the context's cause", err)
	}
	renew(t, lease)
	if held := refused(t, p.b, bob); held.Holder.Name != ann.Name {
		t.Errorf("the holder became %+v", held.Holder)
	}
	release(t, lease)
}
