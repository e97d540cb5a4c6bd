package locktest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/locktest"
)

// breakEnv names the break that the test binary, run once more, gives to the
// suite.
const breakEnv = "EVERTICK_LOCKTEST_BREAK"

// broken is a lock that breaks one promise, and the cases that must find it.
type broken struct {
	name  string
	ttl   time.Duration
	lock  func(s *store) locker
	found []string
}

// TestTheSuiteFindsBrokenLocks runs the suite in a child process, since a case that
// fails would fail this test, too.
func TestTheSuiteFindsBrokenLocks(t *testing.T) {
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			failed, output := play(t, b.name)
			for _, want := range b.found {
				if !slices.Contains(failed, want) {
					t.Errorf("%q did not fail, only %q did", want, failed)
				}
			}
			if t.Failed() || len(b.found) == 0 && len(failed) > 0 {
				t.Errorf("the suite says:\n%s", output)
			}
		})
	}
}

// play returns which cases fail for a break.
func play(t *testing.T, name string) (failed []string, output string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneBreak$", "-test.v", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), breakEnv+"="+name)
	out, err := cmd.CombinedOutput()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	// The blanks of a name are underscores in the output.
	for _, line := range regexp.MustCompile(`(?m)^ +--- FAIL: TestOneBreak/(.*) \(`).FindAllStringSubmatch(string(out), -1) {
		failed = append(failed, line[1])
	}
	if (len(failed) > 0) != (err != nil) {
		t.Fatalf("the suite ended with %v, but these cases failed: %q\n%s", err, failed, out)
	}
	for i, one := range failed {
		failed[i] = regexp.MustCompile(`_`).ReplaceAllString(one, " ")
	}
	return failed, string(out)
}

// TestOneBreak is the child's: it gives one broken lock to the suite.
func TestOneBreak(t *testing.T) {
	for _, b := range breaks {
		if b.name != os.Getenv(breakEnv) {
			continue
		}
		var s *store
		subject := locktest.Subject{
			New: func(*testing.T) (a, b2 lock.Locker) {
				s = newStore(b.ttl)
				return b.lock(s), b.lock(s)
			},
			Unparsable: true,
			Steal: func(*testing.T, lock.Locker) {
				s.Steal("x", lock.Owner{Name: "thief", PID: 1, Host: "elsewhere"}, 0)
			},
			Forget: func(*testing.T, lock.Locker) { s.Evict("x") },
			Outage: func(_ *testing.T, on bool) { s.outage(on) },
			Stall:  func(t *testing.T) func() { return s.gate.Stall(t) },
			In:     synctest.Test,
		}
		if b.ttl > 0 {
			subject.Advance = time.Sleep
		}
		locktest.Run(t, subject)
	}
}

// store is a sound store, and its lock x.
type store struct {
	*lock.Memory
	lock.Locker
	gate locktest.Gate
}

// bubbleClock is the real clock with a Boot that obeys the bubble.
type bubbleClock struct{ clockwork.Clock }

func (c bubbleClock) Boot() time.Duration { return time.Duration(c.Now().UnixNano()) }

func newStore(ttl time.Duration) *store {
	s := &store{Memory: lock.NewMemory(bubbleClock{clockwork.Real()})}
	s.Locker = s.Lock("x", ttl)
	s.Delay = s.gate.Pass
	return s
}

func (s *store) outage(on bool) {
	if s.SetOutage(nil); on {
		s.SetOutage(errors.New("connection refused"))
	}
}

// locker is a sound lock, except for what is set.
type locker struct {
	lock.Locker
	acquire func(ctx context.Context, who lock.Owner) (lock.Lease, error)
	inherit func(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error)
	wait    func(ctx context.Context) error
	look    func(ctx context.Context) error
	lease   func(l *lease)
}

// lease is a sound lease, except for what is set.
type lease struct {
	lock.Lease
	token   func() uint64
	ttl     func() time.Duration
	renew   func(ctx context.Context) error
	handoff func() (lock.Handoff, error)
	release func(ctx context.Context) error
}

func (l locker) Acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	acquire := l.acquire
	if acquire == nil {
		acquire = l.Locker.Acquire
	}
	return l.wrap(acquire(ctx, who))
}

func (l locker) Inherit(ctx context.Context, who lock.Owner, handoff string) (lock.Lease, error) {
	inherit := l.inherit
	if inherit == nil {
		inherit = l.Locker.Inherit
	}
	return l.wrap(inherit(ctx, who, handoff))
}

func (l locker) Wait(ctx context.Context) error {
	if l.wait != nil {
		return l.wait(ctx)
	}
	return l.Locker.(lock.Waiter).Wait(ctx)
}

func (l locker) Look(ctx context.Context) error {
	if l.look != nil {
		return l.look(ctx)
	}
	return l.Locker.(lock.Looker).Look(ctx)
}

func (l locker) wrap(inner lock.Lease, err error) (lock.Lease, error) {
	if err != nil {
		return nil, err
	}
	outer := &lease{
		Lease: inner, token: inner.Token, ttl: inner.TTL,
		renew: inner.Renew, handoff: inner.Handoff, release: inner.Release,
	}
	if l.lease != nil {
		l.lease(outer)
	}
	return outer, nil
}

func (l *lease) Token() uint64                     { return l.token() }
func (l *lease) TTL() time.Duration                { return l.ttl() }
func (l *lease) Renew(ctx context.Context) error   { return l.renew(ctx) }
func (l *lease) Handoff() (lock.Handoff, error)    { return l.handoff() }
func (l *lease) Release(ctx context.Context) error { return l.release(ctx) }

// withLease is a lock whose leases are broken.
func withLease(change func(s *store, l *lease)) func(s *store) locker {
	return func(s *store) locker {
		return locker{Locker: s.Locker, lease: func(l *lease) { change(s, l) }}
	}
}

// someLost makes ErrLost of an error.
func someLost(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("renew x: %w", lock.ErrLost)
}
