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
	owner lock.Owner    // as whom it was taken
	asked time.Duration // Boot reading from before
	spent bool          // what was handed over is of no use any more: its lease is lost

	unwatched error // why the lock's own Wait has failed
	hasty     bool  // Wait has returned at once, and must not be trusted where the lock is held

	ttl  time.Duration // how long the holder's lease lives on at most; 0: not by time, or not known
	dead lock.Owner    // the holder, where it no longer lives; else the zero value
}

// standby is what is known of a lock that is waited for.
type standby struct {
	attempts    int    // in a row, at a lock that was held
	reason      string // why the latest one failed
	standing    bool   // launcher and supervisor are to be told that the daemon stands by
	told        bool   // they were
	unwatchable bool   // that the lock's own Wait fails was logged
	outage      bool   // that the lock cannot be asked for was logged

	dead  lock.Owner    // whose lease is waited out; the zero value for nobody's
	since time.Duration // when that began, a Boot reading
	until time.Duration // when it must be over
}

// leaseRenewer renews a lease in the background, also while a long Execute
// runs, and knows until when the lease is safe. A nil one renews nothing:
// there is no lock.
type leaseRenewer struct {
	lease lock.Lease
	owner lock.Owner
	clock clockwork.Clock
	logf  func(format string, args ...any)
	safe  atomic.Int64 // Boot reading until which the lease is certainly ours; 0: no end
	asked atomic.Int64 // Boot reading from before the latest renewal

	lost bool // for the event goroutine: its loss is known

	mu    sync.Mutex // held for instants only
	halt  context.CancelFunc
	ended chan struct{}
}

// newLeaseRenewer takes a lease that was won.
func newLeaseRenewer(won *attempt, clock clockwork.Clock, logf func(format string, args ...any)) *leaseRenewer {
	r := &leaseRenewer{lease: won.lease, owner: won.owner, clock: clock, logf: logf}
	r.asked.Store(int64(won.asked))
	r.confirm(won.asked)
	return r
}

// Lease is the lock that a daemon holds. The zero value means that it holds none.
type Lease struct {
	// Owner is the process itself, and the wall-clock time since when it has
	// the lock. A restart in place keeps that.
	Owner lock.Owner

	// Token grows with each new owner; a restart in place keeps it. Hand it to
	// whatever the lock protects, so that a late write of a former owner can be
	// refused. 0 means that this kind of lock has no tokens.
	Token uint64

	// Deadline is when Execute's context ends unless the lease is renewed
	// before, as a reading of Clock().Now(). It is earlier than the lease's own
	// end, and moves with each renewal. The zero value means that the lease does
	// not end by time.
	Deadline time.Time
}

// held returns what users may know of the lease; the zero value where there is
// none.
func (r *leaseRenewer) held() Lease {
	if r == nil {
		return Lease{}
	}
	l := Lease{Owner: r.owner, Token: r.lease.Token()}
	if left, ends := r.safeFor(); ends {
		l.Deadline = r.clock.Now().Add(left)
	}
	return l
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
	var both sync.WaitGroup
	both.Go(func() { r.run(ctx, post) })
	if r.lease.TTL() > 0 {
		both.Go(func() { r.watch(ctx, post) })
	}
	go func() {
		defer close(ended)
		both.Wait()
	}()
}

// watch posts leaseLost when the lease has not been renewed in time, also where
// the machine was suspended, which no timer of the event goroutine notices.
func (r *leaseRenewer) watch(ctx context.Context, post func(event)) {
	var told time.Duration
	for {
		safe := time.Duration(r.safe.Load())
		if safe == told { // it may be renewed all the same
			safe = r.clock.Boot() + r.lease.TTL()/renewals
		}
		if clockwork.SleepUntilBoot(ctx, r.clock, safe) != nil {
			return
		}
		if safe = time.Duration(r.safe.Load()); safe != told && r.expired() {
			told = safe
			post(event{kind: leaseLost, cause: causeNotRenewed})
		}
	}
}

func (r *leaseRenewer) run(ctx context.Context, post func(event)) {
	pause := checkPause
	if ttl := r.lease.TTL(); ttl > 0 {
		pause = ttl / renewals
	}
	failing := false
	ended := false
	defer func() {
		if !ended {
			post(event{kind: leaseLost, cause: "its renewals have ended: " + errGoexit.Error()})
		}
	}()
	// The time that an attempt took counts, so that one that got no answer is
	// followed by the next; and so does the time before an exec that failed.
	asked := time.Duration(r.asked.Load())
	for clockwork.Sleep(ctx, r.clock, asked+pause-r.clock.Boot()) == nil {
		asked = r.clock.Boot()
		r.asked.Store(int64(asked))
		attempt, cancel := clockwork.WithTimeout(ctx, r.clock, pause)
		err := recovered(func() error { return r.lease.Renew(attempt) })
		cancel()
		switch {
		case err == nil:
			r.confirm(asked)
			failing = false
		case ctx.Err() != nil:
			ended = true
			return
		case errors.Is(err, lock.ErrLost):
			ended = true
			post(event{kind: leaseLost, cause: err.Error()})
			return
		case !failing:
			failing = true
			r.logf("Warning: the lock could not be renewed, and will be tried again: %s", describe(err))
		}
	}
	ended = true
}

// stopSoon ends the renewals, and waits for none.
func (r *leaseRenewer) stopSoon() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halt != nil {
		r.halt()
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

// outlivesHolder reports whether the lease lives on when its holder dies.
func (r *leaseRenewer) outlivesHolder() bool { return r != nil && r.lease.TTL() > 0 }

// lossGrace returns how long what is told by its context that the lease is lost
// may still take: half of the margin, so that the other half is left for what
// comes then.
func (r *leaseRenewer) lossGrace() time.Duration {
	if r.outlivesHolder() {
		return min(grace, r.lease.TTL()/marginShare/2)
	}
	return grace
}

// age returns how long ago the latest renewal that succeeded was asked for; 0
// where the lease does not end by time.
func (r *leaseRenewer) age() time.Duration {
	left, ends := r.safeFor()
	if !ends {
		return 0
	}
	ttl := r.lease.TTL()
	return ttl - ttl/marginShare - left
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
