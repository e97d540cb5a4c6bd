package locktest

import (
	"errors"
	"testing"

	"github.com/evertick/evertick/lock"
)

func lookTells(t *testing.T, p pair) {
	l, ok := p.b.(lock.Looker)
	if !ok {
		t.Logf("%T is no lock.Looker", p.b)
		return
	}
	if err := l.Look(within(t)); errors.Is(err, errors.ErrUnsupported) {
		t.Logf("%T cannot look: %v", p.b, err)
		return
	}
	for range 2 {
		if err := l.Look(within(t)); err != nil {
			t.Errorf("Look at a free lock = %v", err)
		}
		lease := take(t, p.a, ann)
		var held *lock.HeldError
		if err := l.Look(within(t)); !errors.As(err, &held) {
			t.Fatalf("Look at a held lock = %v, want a *HeldError", err)
		}
		sameHolder(t, held, p.a, ann)
		renew(t, lease)
		if l.Look(cancelled()) == nil {
			t.Error("Look with a cancelled context says that nobody has the lock")
		}
		release(t, lease)
	}
	if err := l.Look(within(t)); err != nil {
		t.Errorf("Look at a lock that was released = %v", err)
	}
	release(t, take(t, p.b, bob))
}

// sameHolder demands that a held lock is told rightly.
func sameHolder(t *testing.T, held *lock.HeldError, l lock.Locker, want lock.Owner) {
	t.Helper()
	if held.Lock != l.String() {
		t.Errorf("HeldError.Lock = %s, want %s", held.Lock, l)
	}
	got := held.Holder
	if !got.Since.Equal(want.Since) {
		t.Errorf("HeldError.Holder.Since = %v, want %v", got.Since, want.Since)
	}
	got.Since = want.Since
	if got != want {
		t.Errorf("HeldError.Holder = %+v, want %+v", got, want)
	}
}
