package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

const (
	// checkPause is the time between two checks of a lease without a TTL.
	checkPause = 10 * time.Second

	// renewals is how many renewals fit into a TTL, so that a lost one or two
	// do not lose the lease.
	renewals = 5

	// marginShare of the TTL is what the lease is given up early, so that
	// clocks that differ and a late wake-up do no harm.
	marginShare = 4

	// releaseTimeout bounds giving the lock back.
	releaseTimeout = 2 * time.Second
)

// attempt is what an attempt to take the lock yields.
type attempt struct {
	lease lock.Lease
	asked time.Duration // Boot reading from before
}

// leaseRenewer renews a lease in the background, also while a long Execute
// runs, and knows until when the lease is safe. A nil one renews nothing:
// there is no lock.
type leaseRenewer struct {
	lease lock.Lease
	clock clockwork.Clock
	logf  func(format string, args ...any)
	safe  atomic.Int64 // Boot reading until which the lease is certainly ours; 0: no end
	asked atomic.Int64 // Boot reading from before the latest renewal

	mu    sync.Mutex // held for instants only
	halt  context.CancelFunc
	ended chan struct{}
}

// newLeaseRenewer takes a lease that was asked for at the Boot reading asked.
func newLeaseRenewer(l lock.Lease, asked time.Duration, clock clockwork.Clock, logf func(format string, args ...any)) *leaseRenewer {
	r := &leaseRenewer{lease: l, clock: clock, logf: logf}
	r.asked.Store(int64(asked))
	r.confirm(asked)
	return r
}

// confirm notes that a renewal which was asked for at that Boot reading has
// succeeded.
func (r *leaseRenewer) confirm(asked time.Duration) {
	if ttl := r.lease.TTL(); ttl > 0 {
		r.safe.Store(int64(asked + ttl - ttl/marginShare))
	}
}

// expired reports whether somebody else may have the lock by now.
func (r *leaseRenewer) expired() bool {
	left, ends := r.safeFor()
	return ends && left <= 0
}

// safeFor returns how long the lease is certainly ours from now on; false
// where it does not end by time.
func (r *leaseRenewer) safeFor() (left time.Duration, ends bool) {
	if r == nil {
		return 0, false
	}
	safe := r.safe.Load()
	if safe == 0 {
		return 0, false
	}
	return time.Duration(safe) - r.clock.Boot(), true
}

// start renews until stop, and posts leaseLost when the lease is lost.
func (r *leaseRenewer) start(post func(event)) {
	if r == nil {
		return
	}
	ctx, halt := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r.mu.Lock()
	r.halt, r.ended = halt, ended
	r.mu.Unlock()
	go func() {
		defer close(ended)
		r.run(ctx, post)
	}()
}

func (r *leaseRenewer) run(ctx context.Context, post func(event)) {
	pause := checkPause
	if ttl := r.lease.TTL(); ttl > 0 {
		pause = ttl / renewals
	}
	failing := false
	// The time that an attempt took counts, so that one that got no answer is
	// followed by the next; and so does the time before an exec that failed.
	asked := time.Duration(r.asked.Load())
	for clockwork.Sleep(ctx, r.clock, asked+pause-r.clock.Boot()) == nil {
		asked = r.clock.Boot()
		r.asked.Store(int64(asked))
		attempt, cancel := clockwork.WithTimeout(ctx, r.clock, pause)
		err := r.lease.Renew(attempt)
		cancel()
		switch {
		case err == nil:
			r.confirm(asked)
			failing = false
		case ctx.Err() != nil:
			return
		case errors.Is(err, lock.ErrLost):
			post(event{kind: leaseLost, cause: err.Error()})
			return
		case !failing:
			failing = true
			r.logf("Warning: the lock could not be renewed, and will be tried again: %v", err)
		}
	}
}

// stop ends the renewals. One that is under way is told to give up, and
// waited for, unless it ignores that.
func (r *leaseRenewer) stop() {
	if r == nil {
		return
	}
	r.mu.Lock()
	halt, ended := r.halt, r.ended
	r.mu.Unlock()
	if halt == nil {
		return
	}
	halt()
	ctx, cancel := clockwork.WithTimeout(context.Background(), r.clock, releaseTimeout)
	defer cancel()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// release gives the lock back.
func (r *leaseRenewer) release() {
	if r == nil {
		return
	}
	ctx, cancel := clockwork.WithTimeout(context.Background(), r.clock, releaseTimeout)
	defer cancel()
	if err := r.lease.Release(ctx); err != nil {
		r.logf("Error: the lock was not given back: %v", err)
	}
}

// text returns what a dump says of the lease.
func (r *leaseRenewer) text(l lock.Locker) string {
	text := fmt.Sprintf("%s, held by this process, token %d", l, r.lease.Token())
	if left, ends := r.safeFor(); ends {
		text += fmt.Sprintf(", safe for %s", left.Round(time.Millisecond))
	}
	return text
}
