package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// lossText says why the lock is lost, and of when the last certainty is.
func (m *machine) lossText(cause string) string {
	text := fmt.Sprintf("Lock Lost: %s: %s", m.d.set.lock, cause)
	if m.lease != nil && m.lease.lease.TTL() > 0 {
		text += fmt.Sprintf(" (the latest renewal that succeeded was asked for %s ago; a lease lives for %s)",
			round(m.lease.age()), m.lease.lease.TTL())
	}
	return text
}

// lookTimeout is how long it may take to find out who holds a lock that was lost.
const lookTimeout = time.Second

// look logs who holds the lock now, where the lock can tell.
func (d *Daemon) look(ctx context.Context) {
	looker, ok := d.set.lock.(lock.Looker)
	if !ok {
		return
	}
	ctx, cancel := clockwork.WithTimeout(ctx, d.host.Clock, lookTimeout)
	defer cancel()
	err := recovered(func() error { return looker.Look(ctx) })
	switch {
	case errors.Is(err, errors.ErrUnsupported):
	case err == nil:
		d.Logf("After The Loss: nobody holds the lock %s", d.set.lock)
	case errors.Is(err, lock.ErrHeld):
		d.Logf("After The Loss: %v", err)
	default:
		d.Logf("After The Loss: who holds the lock cannot be told: %v", err)
	}
}
