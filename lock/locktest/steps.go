package locktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

// pair is one lock, declared twice.
type pair struct {
	subject Subject
	a, b    lock.Locker
}

// The owners of the suite. No process has their numbers, and no lock can ask
// their hosts about them.
var (
	ann = lock.Owner{
		Name: "ann", PID: 4_000_001, Host: "host-a", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Start: "start-a", Command: "/opt/ann -v --name=\"ann <x>\"",
	}
	bob = lock.Owner{
		Name: "bob", PID: 4_000_002, Host: "host-b", Since: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Start: "start-b", Command: "/opt/bob",
	}
)

const (
	// hang is after how long an operation that should long be over counts as
	// hanging.
	hang = time.Minute

	// poll is the pause between two attempts of what should succeed soon.
	poll = 5 * time.Millisecond
)

// errEnough is why the suite cancels.
var errEnough = errors.New("enough")

// within bounds what should not take long.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	t.Cleanup(cancel)
	return ctx
}

// take acquires a lock that must be free.
func take(t *testing.T, l lock.Locker, who lock.Owner) lock.Lease {
	t.Helper()
	lease, err := l.Acquire(within(t), who)
	if err != nil {
		t.Fatalf("Acquire of a free lock = %v", err)
	}
	return lease
}

// takeSoon acquires a lock that must be free soon: at once, or once a
// holder's TTL is over that cannot release it any more.
func takeSoon(t *testing.T, l lock.Locker, who lock.Owner, ttl time.Duration) lock.Lease {
	t.Helper()
	lease, _ := takeTimed(t, l, who, ttl)
	return lease
}

// takeTimed is takeSoon, and starts the watch.
func takeTimed(t *testing.T, l lock.Locker, who lock.Owner, ttl time.Duration) (lease lock.Lease, watch stopwatch) {
	t.Helper()
	soon(t, "Acquire of a lock that is free again", ttl, func(ctx context.Context) (err error) {
		watch.asked = time.Now()
		lease, err = l.Acquire(ctx, who)
		return err
	})
	watch.ttl = lease.TTL()
	return lease, watch
}

// soon repeats an attempt until it succeeds, which must not take much longer
// than the time that is allowed for.
func soon(t *testing.T, what string, allowed time.Duration, attempt func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), allowed+hang)
	defer cancel()
	for {
		err := attempt(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			t.Fatalf("%s = %v, again and again", what, err)
		}
	}
}

// returned waits for an operation that runs in a goroutine and should be over
// soon.
func returned(t *testing.T, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(hang):
		t.Fatalf("%s did not return", what)
		return nil
	}
}

// impatient calls an operation with a context that ends for errEnough once a
// part of the TTL is over, and makes sure that the operation ends with it.
func impatient(t *testing.T, what string, ttl time.Duration, operation func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- operation(ctx) }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience(ttl)):
	}
	cancel(errEnough)
	return returned(t, what+" whose context has ended", done)
}

// patience is how long the suite waits for a store that does not answer: such
// a part of the TTL that a lease outlives a few of them.
func patience(ttl time.Duration) time.Duration {
	const most = 250 * time.Millisecond
	if ttl <= 0 {
		return most
	}
	return min(ttl/10, most)
}

// release releases a lease, which must work.
func release(t *testing.T, lease lock.Lease) {
	t.Helper()
	if err := lease.Release(within(t)); err != nil {
		t.Errorf("Release = %v", err)
	}
}

// renew renews a lease, which must work.
func renew(t *testing.T, lease lock.Lease) {
	t.Helper()
	if err := lease.Renew(within(t)); err != nil {
		t.Errorf("Renew = %v", err)
	}
}

// refused acquires a lock that must be held, and returns the details.
func refused(t *testing.T, l lock.Locker, who lock.Owner) *lock.HeldError {
	t.Helper()
	lease, err := l.Acquire(within(t), who)
	return refusal(t, lease, err)
}

// refusal returns the details of an Acquire that must have been refused.
func refusal(t *testing.T, lease lock.Lease, err error) *lock.HeldError {
	t.Helper()
	if err == nil {
		_ = lease.Release(context.Background())
		t.Fatal("Acquire got a lock that is held")
	}
	var held *lock.HeldError
	if !errors.As(err, &held) || !errors.Is(err, lock.ErrHeld) {
		t.Fatalf("Acquire of a held lock = %v, want a *HeldError", err)
	}
	oneLine(t, err)
	return held
}

// lost demands an ErrLost.
func lost(t *testing.T, err error, when string) {
	t.Helper()
	if !errors.Is(err, lock.ErrLost) {
		t.Errorf("%s = %v, want ErrLost", when, err)
		return
	}
	oneLine(t, err)
}

// open demands an error that leaves open whose the lock is.
func open(t *testing.T, err error, when string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s succeeded", when)
		return
	}
	undecided(t, err, when)
}

// undecided demands success, or an error that leaves open whose the lock is.
func undecided(t *testing.T, err error, when string) {
	t.Helper()
	if errors.Is(err, lock.ErrLost) {
		t.Errorf("%s = %v, which is no reason to call it lost", when, err)
	}
	if errors.Is(err, lock.ErrHeld) {
		t.Errorf("%s = %v, which is no reason to call it held", when, err)
	}
	if err != nil {
		oneLine(t, err)
	}
}

func oneLine(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("an error of more than one line: %q", err)
	}
}

// handoff hands over, and puts the handoff through exec.
func (p pair) handoff(t *testing.T, lease lock.Lease) string {
	t.Helper()
	h, err := lease.Handoff()
	if err != nil {
		t.Fatalf("Handoff = %v", err)
	}
	if p.subject.Exec != nil {
		h = p.subject.Exec(t, h)
	}
	return h.Value
}

// inherit takes over what was handed over, which must work.
func (p pair) inherit(t *testing.T, lease lock.Lease, who lock.Owner) lock.Lease {
	t.Helper()
	next, err := p.a.Inherit(within(t), who, p.handoff(t, lease))
	if err != nil {
		t.Fatalf("Inherit = %v", err)
	}
	return next
}
