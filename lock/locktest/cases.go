package locktest

import (
	"testing"

	"github.com/evertick/evertick/lock"
)

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
