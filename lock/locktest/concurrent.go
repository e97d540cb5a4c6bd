package locktest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evertick/evertick/lock"
)

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
				lease, err := p.either(n).Acquire(within(t), ann)
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

// either returns one of the two declarations.
func (p pair) either(n int) lock.Locker { return []lock.Locker{p.a, p.b}[n%2] }

func neverTwo(t *testing.T, p pair) {
	const contenders, holds = 6, 3
	var (
		all    sync.WaitGroup
		inside atomic.Int32
		last   uint64 // the holder's to read and to write
		mu     sync.Mutex
	)
	hold := func(ctx context.Context, l lock.Locker) error {
		lease, err := l.Acquire(ctx, ann)
		if err != nil {
			return err
		}
		if n := inside.Add(1); n != 1 {
			t.Errorf("%d hold the lock at once", n)
		}
		<-time.After(poll / 5) // a second holder's chance
		renew(t, lease)
		mu.Lock()
		if lease.Token() <= last {
			t.Errorf("token %d follows %d", lease.Token(), last)
		}
		last = lease.Token()
		mu.Unlock()
		inside.Add(-1)
		release(t, lease)
		return nil
	}
	ctx := within(t)
	for n := range contenders {
		all.Go(func() {
			for range holds {
				for err := hold(ctx, p.either(n)); err != nil; err = hold(ctx, p.either(n)) {
					if !errors.Is(err, lock.ErrHeld) {
						t.Errorf("Acquire = %v", err)
						return
					}
					<-time.After(poll)
				}
			}
		})
	}
	all.Wait()
}
