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

func adoptAfterTheft(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	baton := p.baton(t, lease)
	p.subject.Steal(t, p.a)
	_, err := p.a.Adopt(context.Background(), ann, baton)
	lost(t, err, "Adopt after a theft")
	_ = refused(t, p.b, bob)
}

// shy is a little less than a TTL.
func shy(ttl time.Duration) time.Duration { return ttl - ttl/10 }

func expires(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	if lease.TTL() <= 0 {
		t.Fatal("a lease that shall expire has no TTL")
	}
	p.subject.Advance(shy(lease.TTL()))
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
		p.subject.Advance(shy(lease.TTL()))
		renew(t, lease)
	}
	_ = refused(t, p.b, bob)
	release(t, lease)
}

func adoptProlongs(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	for range 3 {
		p.subject.Advance(shy(lease.TTL()))
		lease = p.adopt(t, lease, ann)
	}
	p.subject.Advance(shy(lease.TTL()))
	_ = refused(t, p.b, bob)
	release(t, lease)
}
