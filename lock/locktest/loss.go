package locktest

import (
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

func stolenIsLost(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	p.subject.Steal(t, p.a)
	for range 2 {
		lost(t, lease.Renew(within(t)), "Renew after a theft")
	}
	_ = refused(t, p.b, bob)
}

func releaseAfterTheft(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	p.subject.Steal(t, p.a)
	release(t, lease)
	_ = refused(t, p.b, bob)
}

func inheritAfterTheft(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	handoff := p.handoff(t, lease)
	p.subject.Steal(t, p.a)
	_, err := p.a.Inherit(within(t), ann, handoff)
	lost(t, err, "Inherit after a theft")
	_ = refused(t, p.b, bob)
}

func forgottenIsLost(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	p.subject.Forget(t, p.a)
	for range 2 {
		lost(t, lease.Renew(within(t)), "Renew of what the store has forgotten")
	}
	next := take(t, p.b, bob)
	if next.Token() <= lease.Token() {
		t.Errorf("token %d follows %d", next.Token(), lease.Token())
	}
	lost(t, lease.Renew(within(t)), "Renew of what another owner has")
	release(t, lease)
	renew(t, next)
	_ = refused(t, p.a, ann)
	release(t, next)
}

func inheritForgotten(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	handoff := p.handoff(t, lease)
	p.subject.Forget(t, p.a)
	_, err := p.a.Inherit(within(t), ann, handoff)
	lost(t, err, "Inherit of what the store has forgotten")
	release(t, take(t, p.b, bob))
}

func deadIsFreed(t *testing.T, p pair) {
	first := take(t, p.a, ann)
	ttl := first.TTL()
	release(t, first)
	inTime(t, func() (late bool) {
		watch := stopwatch{ttl: ttl, asked: time.Now()}
		kill := p.subject.Victim(t, p.a)
		if lease, err := p.b.Acquire(within(t), bob); err == nil && ttl > 0 && watch.late() {
			kill()
			release(t, lease)
			return true
		} else if held := refusal(t, lease, err); held.Holder == (lock.Owner{}) {
			t.Error("the holder has left no details")
		}
		kill()
		if ttl > 0 && p.subject.Advance != nil {
			p.subject.Advance(ttl)
		}
		next := takeSoon(t, p.b, bob, ttl)
		if next.Token() <= first.Token() {
			t.Errorf("token %d follows %d", next.Token(), first.Token())
		}
		release(t, next)
		return false
	})
}

// stopwatch tells how long ago the lease of a lock was last asked for. Where time is
// real, a machine that is too busy makes a lease end before the suite comes to look.
type stopwatch struct {
	ttl   time.Duration
	asked time.Time
}

// late tells whether the lease may have ended. A store that gets no processor has a
// clock that is a little behind, and then goes on; a holder keeps a margin for that.
func (w stopwatch) late() bool { return time.Since(w.asked) >= w.ttl-w.ttl/8 }

// inTime repeats an attempt that came too late to show anything.
func inTime(t *testing.T, attempt func() (late bool)) {
	t.Helper()
	for range 20 {
		if !attempt() {
			return
		}
	}
	t.Error("this machine is too slow for leases that are as short")
}
