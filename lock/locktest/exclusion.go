package locktest

import (
	"context"
	"testing"

	"github.com/evertick/evertick/lock"
)

func heldIsRefused(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	defer release(t, lease)
	held := refused(t, p.b, bob)
	sameHolder(t, held, p.a, ann)
	// The same declaration and the same owner are refused, too.
	_ = refused(t, p.a, ann)
}

func refusedIsHarmless(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	for range 3 {
		_ = refused(t, p.b, bob)
		renew(t, lease)
	}
	if held := refused(t, p.b, bob); held.Holder.Name != ann.Name {
		t.Errorf("the holder became %+v", held.Holder)
	}
	release(t, lease)
	release(t, take(t, p.b, bob))
}

func tokensGrow(t *testing.T, p pair) {
	var last uint64
	for range 3 {
		for _, l := range []lock.Locker{p.a, p.b} {
			lease := take(t, l, ann)
			if lease.Token() <= last {
				t.Errorf("token %d follows %d", lease.Token(), last)
			}
			last = lease.Token()
			_ = refused(t, l, bob)
			renew(t, lease)
			if lease.Token() != last {
				t.Errorf("the token of a lease became %d from %d", lease.Token(), last)
			}
			release(t, lease)
		}
	}
}

func lateRelease(t *testing.T, p pair) {
	old := take(t, p.a, ann)
	release(t, old)
	lease := take(t, p.b, bob)
	release(t, old)
	renew(t, lease)
	_ = refused(t, p.a, ann)
	release(t, lease)
}

func releasedIsLost(t *testing.T, p pair) {
	old := take(t, p.a, ann)
	release(t, old)
	lost(t, old.Renew(within(t)), "Renew after Release")
	lease := take(t, p.b, bob)
	lost(t, old.Renew(within(t)), "Renew after Release")
	renew(t, lease)
	release(t, lease)
}

func neverFree(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	token := lease.Token()
	for range 3 {
		handoff := p.handoff(t, lease)
		_ = refused(t, p.b, bob)
		who := ann
		who.Since = ann.Since.AddDate(0, 0, 1)
		next, err := p.a.Inherit(within(t), who, handoff)
		if err != nil {
			t.Fatalf("Inherit = %v", err)
		}
		held := refused(t, p.b, bob)
		if !held.Holder.Since.Equal(ann.Since) {
			t.Errorf("after the restart it is held since %v, want %v", held.Holder.Since, ann.Since)
		}
		lease = next
	}
	release(t, lease)
	rival := take(t, p.b, bob)
	if rival.Token() <= token {
		t.Errorf("token %d follows %d", rival.Token(), token)
	}
	release(t, rival)
}

func badHandoff(t *testing.T, p pair) {
	for _, handoff := range []string{"", "nonsense", "fd:0", "fd:99999", "-1"} {
		lease, err := p.a.Inherit(within(t), ann, handoff)
		if err == nil {
			_ = lease.Release(context.Background())
			t.Errorf("Inherit(%q) succeeded", handoff)
			continue
		}
		oneLine(t, err)
	}
	release(t, take(t, p.b, bob))
}
