package locktest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/evertick/evertick/lock"
)

func heldIsRefused(t *testing.T, p pair) {
	lease := take(t, p.a, ann)
	defer release(t, lease)
	held := refused(t, p.b, bob)
	if held.Lock != p.a.String() {
		t.Errorf("HeldError.Lock = %s, want %s", held.Lock, p.a)
	}
	got := held.Holder
	if !got.Since.Equal(ann.Since) {
		t.Errorf("HeldError.Holder.Since = %v, want %v", got.Since, ann.Since)
	}
	got.Since = ann.Since
	if got != ann {
		t.Errorf("HeldError.Holder = %+v, want %+v", got, ann)
	}
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
	lost(t, old.Renew(context.Background()), "Renew after Release")
	lease := take(t, p.b, bob)
	lost(t, old.Renew(context.Background()), "Renew after Release")
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
		next, err := p.a.Inherit(context.Background(), who, handoff)
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
		lease, err := p.a.Inherit(context.Background(), ann, handoff)
		if err == nil {
			_ = lease.Release(context.Background())
			t.Errorf("Inherit(%q) succeeded", handoff)
			continue
		}
		oneLine(t, err)
	}
	release(t, take(t, p.b, bob))
}

func cancelled(t *testing.T, p pair) {
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(reason)
	if lease, err := p.a.Acquire(ctx, ann); err == nil {
		_ = lease.Release(context.Background())
		t.Error("Acquire with a cancelled context succeeded")
	} else if !errors.Is(err, reason) || errors.Is(err, lock.ErrHeld) {
		t.Errorf("Acquire = %v, want the context's cause", err)
	}
	lease := take(t, p.b, bob)
	if err := lease.Renew(ctx); errors.Is(err, lock.ErrLost) {
		t.Errorf("Renew with a cancelled context = %v, which is no reason to call it lost", err)
	}
	renew(t, lease)
	release(t, lease)
}

func oneWins(t *testing.T, p pair) {
	const starters = 20
	for range 5 {
		var (
			all    sync.WaitGroup
			mu     sync.Mutex
			leases []lock.Lease
		)
		start := make(chan struct{})
		for n := range starters {
			all.Go(func() {
				<-start
				lease, err := []lock.Locker{p.a, p.b}[n%2].Acquire(context.Background(), ann)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					leases = append(leases, lease)
				case !errors.Is(err, lock.ErrHeld):
					t.Errorf("Acquire = %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		if len(leases) != 1 {
			t.Errorf("%d of %d won", len(leases), starters)
		}
		for _, lease := range leases {
			release(t, lease)
		}
	}
}
