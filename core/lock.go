package core

import (
	"context"
	"errors"

	"github.com/evertick/evertick/lock"
)

// askForLease takes the lock, or takes it over from the program before.
func (m *machine) askForLease() { m.ask(nil) }

// ask takes the lock, after a wait where that is not nil.
func (m *machine) ask(wait func(context.Context, *attempt) error) {
	got := &attempt{}
	m.won = got
	inherited := m.inherited
	m.jobs.start(leased, m.jobs.ctx, func(ctx context.Context) (err error) {
		if m.d.set.lock == nil {
			return nil
		}
		if wait != nil {
			if err := wait(ctx, got); err != nil {
				return err
			}
		}
		err = m.d.acquire(ctx, inherited, got)
		got.ttl, got.dead = m.d.holder(err)
		return err
	})
}

// keepLease takes note of a lease that was won, or of one that was handed over and is
// lost: its descriptor's number may soon be another file's.
func (m *machine) keepLease() {
	if m.won.spent {
		m.spendHandoff()
	}
	if m.won.lease != nil {
		m.lease = newLeaseRenewer(m.won, m.d.host.Clock, m.d.Logf)
		m.d.lease.Store(m.lease)
	}
}

// spendHandoff: what was handed over of the lease is used up. The grid still is ours.
func (m *machine) spendHandoff() {
	if m.inherited != nil {
		rest := *m.inherited
		rest.Lease = nil
		m.inherited = &rest
	}
}

// dropLease returns the lease, which is not the daemon's any more.
func (m *machine) dropLease() *leaseRenewer {
	lease := m.lease
	m.lease = nil
	m.d.lease.Store(nil)
	return lease
}

// Lease returns the lock that the daemon holds; the zero value where it holds
// none. It is quick, and may be called from Execute.
func (d *Daemon) Lease() Lease { return d.lease.Load().held() }

// acquire takes the lock, or takes over what was handed over.
func (d *Daemon) acquire(ctx context.Context, h *handover, got *attempt) (err error) {
	if h != nil && h.Lease != nil {
		if err = d.inheritLease(ctx, h, got); !got.spent {
			return err
		}
		d.Logf("Warning: the lock was lost during the restart, and is asked for again: %v", err)
		d.endChildren(grace) // those that the restart has spared were without it
	}
	got.asked, got.owner = d.host.Clock.Boot(), d.owner()
	got.lease, err = d.set.lock.Acquire(ctx, got.owner)
	return err
}

// inheritLease takes over the lock that was handed over.
func (d *Daemon) inheritLease(ctx context.Context, h *handover, got *attempt) (err error) {
	got.asked, got.owner = d.host.Clock.Boot(), d.owner()
	got.owner.Since = h.LeaseSince
	got.lease, err = d.set.lock.Inherit(ctx, got.owner, *h.Lease)
	got.spent = errors.Is(err, lock.ErrLost)
	return err
}

// lockPIDFile writes and locks the PID file, or takes over what the program
// before handed over, which is used up then: its descriptor's number may soon
// be another file's.
func (m *machine) lockPIDFile() error {
	if m.inherited == nil {
		return m.pid.lock(nil)
	}
	err := m.pid.lock(m.inherited.PIDFile)
	if err == nil {
		rest := *m.inherited
		rest.PIDFile = nil
		m.inherited = &rest
	}
	return err
}

// renewLease renews the lease from now on, and sets the deadline by which it
// must have been renewed.
func (m *machine) renewLease() {
	m.lease.start(m.d.queue.post)
	m.watchLease()
}

// watchLease sets the deadline by which the lease must have been renewed
// again. Renewals move it on.
func (m *machine) watchLease() {
	if left, ends := m.lease.safeFor(); ends {
		m.timers.setAfter(leaseAt, max(left, 0))
	}
}
