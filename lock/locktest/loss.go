package locktest

import (
	"context"
	"testing"
	"time"
)

func stolenIsLost(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	p.subject.Steal(t, p.a)
	for range 2 {
		lost(t, lease.Renew(context.Background()), "Renew after a theft")
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
	_, err := p.a.Inherit(context.Background(), ann, handoff)
	lost(t, err, "Inherit after a theft")
	_ = refused(t, p.b, bob)
}

// almost returns a little less than a TTL.
func almost(ttl time.Duration) time.Duration { return ttl - ttl/10 }

func expires(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	if lease.TTL() <= 0 {
		t.Fatal("a lease that should expire has no TTL")
	}
	p.subject.Advance(almost(lease.TTL()))
	_ = refused(t, p.b, bob)
	p.subject.Advance(lease.TTL())
	next := take(t, p.b, bob)
	if next.Token() <= lease.Token() {
		t.Errorf("token %d follows %d", next.Token(), lease.Token())
	}
	lost(t, lease.Renew(context.Background()), "Renew of an expired lease")
	release(t, lease)
	renew(t, next)
	_ = refused(t, p.a, ann)
	release(t, next)
}

func renewProlongs(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	for range 5 {
		p.subject.Advance(almost(lease.TTL()))
		renew(t, lease)
	}
	_ = refused(t, p.b, bob)
	release(t, lease)
}

func inheritProlongs(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	for range 3 {
		p.subject.Advance(almost(lease.TTL()))
		lease = p.inherit(t, lease, ann)
	}
	p.subject.Advance(almost(lease.TTL()))
	_ = refused(t, p.b, bob)
	release(t, lease)
}
