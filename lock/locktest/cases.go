package locktest

import (
	"context"
	"errors"
	"strings"
	"sync"
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
	ann = lock.Owner{Name: "ann", PID: 4_000_001, Host: "host-a", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	bob = lock.Owner{Name: "bob", PID: 4_000_002, Host: "host-b", Since: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}
)

// take acquires a lock that must be free.
func take(t *testing.T, l lock.Locker, who lock.Owner) lock.Lease {
	t.Helper()
	lease, err := l.Acquire(context.Background(), who)
	if err != nil {
		t.Fatalf("Acquire of a free lock = %v", err)
	}
	return lease
}

// release releases a lease, which must work.
func release(t *testing.T, lease lock.Lease) {
	t.Helper()
	if err := lease.Release(context.Background()); err != nil {
		t.Errorf("Release = %v", err)
	}
}

// renew renews a lease, which must work.
func renew(t *testing.T, lease lock.Lease) {
	t.Helper()
	if err := lease.Renew(context.Background()); err != nil {
		t.Errorf("Renew = %v", err)
	}
}

// refused acquires a lock that must be held, and returns the details.
func refused(t *testing.T, l lock.Locker, who lock.Owner) *lock.HeldError {
	t.Helper()
	lease, err := l.Acquire(context.Background(), who)
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
	next, err := p.a.Inherit(context.Background(), who, p.handoff(t, lease))
	if err != nil {
		t.Fatalf("Inherit = %v", err)
	}
	return next
}

func checkPasses(t *testing.T, p pair) {
	for range 2 {
		if err := p.a.Check(); err != nil {
			t.Fatalf("Check of a free lock = %v", err)
		}
	}
	lease := take(t, p.a, ann)
	defer release(t, lease)
	if err := p.b.Check(); err != nil {
		t.Errorf("Check of a held lock = %v", err)
	}
}

func stringParses(t *testing.T, p pair) {
	if p.a.String() != p.b.String() {
		t.Errorf("one lock has two URLs: %s and %s", p.a, p.b)
	}
	if p.subject.Unparsable {
		return
	}
	again, err := lock.Parse(p.a.String())
	if err != nil {
		t.Fatalf("Parse(%s) = %v", p.a, err)
	}
	if again.String() != p.a.String() {
		t.Errorf("Parse(%s) is %s", p.a, again)
	}
	lease := take(t, p.a, ann)
	defer release(t, lease)
	if !p.subject.Open {
		_ = refused(t, again, bob)
	}
}

func plainLife(t *testing.T, p pair) {
	for range 2 {
		lease := take(t, p.a, ann)
		token := lease.Token()
		for range 3 {
			renew(t, lease)
		}
		if lease.Token() != token {
			t.Errorf("the token became %d from %d", lease.Token(), token)
		}
		if p.subject.Open != (token == 0) {
			t.Errorf("the token is %d", token)
		}
		if lease.TTL() < 0 {
			t.Errorf("TTL = %v", lease.TTL())
		}
		release(t, lease)
	}
}

func releaseTwice(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	release(t, lease)
	release(t, lease)
}

func inheritGoesOn(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	token, ttl := lease.Token(), lease.TTL()
	for range 3 {
		lease = p.inherit(t, lease, ann)
		if lease.Token() != token {
			t.Errorf("the token became %d from %d", lease.Token(), token)
		}
		if lease.TTL() != ttl {
			t.Errorf("the TTL became %v from %v", lease.TTL(), ttl)
		}
		renew(t, lease)
	}
	release(t, lease)
	release(t, take(t, p.b, bob))
}

func handoffKeeps(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	p.handoff(t, lease)
	renew(t, lease)
	p.handoff(t, lease)
	if !p.subject.Open {
		_ = refused(t, p.b, bob)
	}
	release(t, lease)
	release(t, take(t, p.b, bob))
}

func concurrentUse(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				renew(t, lease)
				_, _ = lease.Token(), lease.TTL()
				_, _ = p.a.String(), p.a.Check()
				if _, err := lease.Handoff(); err != nil {
					t.Errorf("Handoff = %v", err)
				}
			}
		})
	}
	all.Wait()
	for range 4 {
		all.Go(func() { release(t, lease) })
	}
	all.Wait()
}
