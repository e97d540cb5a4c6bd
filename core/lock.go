package core

import (
	"context"
	"errors"

	"github.com/evertick/evertick/lock"
)

// askForLease takes the lock, or takes it over from the program before.
func (m *machine) askForLease() {
	got := &attempt{}
	m.won = got
	inherited := m.inherited
	m.jobs.start(leased, m.jobs.ctx, func(ctx context.Context) (err error) {
		if m.d.set.lock == nil {
			return nil
		}
		got.asked = m.d.host.Clock.Boot()
		got.lease, err = m.d.acquire(ctx, inherited)
		return err
	})
}

// keepLease takes note of a lease that was won.
func (m *machine) keepLease() {
	if m.won.lease != nil {
		m.lease = newLeaseRenewer(m.won.lease, m.won.asked, m.d.host.Clock, m.d.Logf)
		m.d.fencing.Store(m.won.lease.Token())
	}
}

// acquire takes the lock, or takes over what was handed over.
func (d *Daemon) acquire(ctx context.Context, h *handover) (lock.Lease, error) {
	who := lock.Owner{Name: d.name, PID: d.pid(), Host: d.host.Name, Since: d.host.Clock.Wall()}
	if h != nil && h.Lease != nil {
		lease, err := d.set.lock.Inherit(ctx, who, *h.Lease)
		if !errors.Is(err, lock.ErrLost) {
			return lease, err
		}
		d.Logf("Warning: the lock was lost during the restart, and is asked for again: %v", err)
	}
	return d.set.lock.Acquire(ctx, who)
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
