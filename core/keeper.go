package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// keeper renews a lease in the background, also while a long Execute runs, and
// knows until when the lease is safe. A nil keeper keeps nothing: there is no
// lock.
type keeper struct {
	d     *Daemon
	lease lock.Lease
	safe  atomic.Int64 // Boot reading until which the lease is certainly ours; 0: no end
	mu    sync.Mutex   // held for instants only
	halt  context.CancelFunc
	ended chan struct{}
}

const (
	// lookPause is the time between two looks at a lease without a TTL.
	lookPause = 10 * time.Second

	// renewals is how many renewals fit into a TTL, so that a lost one or two
	// do not lose the lease.
	renewals = 5

	// safetyShare of the TTL is what the lease is given up early, so that
	// clocks that differ and a late wake-up do no harm.
	safetyShare = 4
)

func newKeeper(d *Daemon, l lock.Lease, confirmed time.Duration) *keeper {
	k := &keeper{d: d, lease: l}
	k.confirm(confirmed)
	return k
}

// confirm notes that a renewal which was asked for at the Boot reading at has
// succeeded.
func (k *keeper) confirm(at time.Duration) {
	if ttl := k.lease.TTL(); ttl > 0 {
		k.safe.Store(int64(at + ttl - ttl/safetyShare))
	}
}

// expired reports whether somebody else may have the lock by now.
func (k *keeper) expired() bool {
	if k == nil {
		return false
	}
	safe := k.safe.Load()
	return safe != 0 && k.d.host.Clock.Boot() >= time.Duration(safe)
}

// start renews until stop, and posts LeaseLost when the lease is lost.
func (k *keeper) start(mail *mailbox) {
	if k == nil {
		return
	}
	ctx, halt := context.WithCancel(context.Background())
	ended := make(chan struct{})
	k.mu.Lock()
	k.halt, k.ended = halt, ended
	k.mu.Unlock()
	go func() {
		defer close(ended)
		k.run(ctx, mail)
	}()
}

func (k *keeper) run(ctx context.Context, mail *mailbox) {
	pause := lookPause
	if ttl := k.lease.TTL(); ttl > 0 {
		pause = ttl / renewals
	}
	complained := false
	asked := k.d.host.Clock.Boot()
	// The time that an attempt took counts, so that one that got no answer is
	// followed by the next.
	for clockwork.Sleep(ctx, k.d.host.Clock, asked+pause-k.d.host.Clock.Boot()) == nil {
		asked = k.d.host.Clock.Boot()
		attempt, cancel := clockwork.WithTimeout(ctx, k.d.host.Clock, pause)
		err := k.lease.Renew(attempt)
		cancel()
		switch {
		case err == nil:
			k.confirm(asked)
			complained = false
		case ctx.Err() != nil:
			return
		case errors.Is(err, lock.ErrLost):
			mail.post(event{kind: LeaseLost, cause: err.Error()})
			return
		case !complained:
			complained = true
			k.d.Logf("Warning: the lock could not be renewed, and will be tried again: %v", err)
		}
	}
}

// stop ends the renewals. One that is under way is told to give up, and
// waited for, unless it does not heed that.
func (k *keeper) stop() {
	if k == nil {
		return
	}
	k.mu.Lock()
	halt, ended := k.halt, k.ended
	k.mu.Unlock()
	if halt == nil {
		return
	}
	halt()
	ctx, cancel := clockwork.WithTimeout(context.Background(), k.d.host.Clock, releaseLimit)
	defer cancel()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// release gives the lock back.
func (k *keeper) release() {
	if k == nil {
		return
	}
	ctx, cancel := clockwork.WithTimeout(context.Background(), k.d.host.Clock, releaseLimit)
	defer cancel()
	if err := k.lease.Release(ctx); err != nil {
		k.d.Logf("Error: the lock was not given back: %v", err)
	}
}

// watchLease sets the deadline by which the lease must have been renewed
// again. Renewals move it on.
func (m *machine) watchLease() {
	if m.keeper == nil {
		return
	}
	if safe := m.keeper.safe.Load(); safe != 0 {
		m.after(leaseAt, max(time.Duration(safe)-m.host.Clock.Boot(), 0))
	}
}

// renewed reports whether the lease deadline that has just passed was set
// before a later renewal, and sets it anew if so.
func (m *machine) renewed() bool {
	if m.keeper == nil || m.keeper.expired() {
		return false
	}
	m.watchLease()
	return true
}
