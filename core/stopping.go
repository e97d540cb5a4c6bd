package core

import (
	"context"
	"errors"
	"time"
)

// Stopping returns a channel that is closed when the daemon begins to stop, or
// to restart in place: at the first SIGTERM or [Daemon.Stop], when a restart was
// accepted, and when the lock was lost. A restart that is only being tried
// closes nothing. An Execute that blocks on its own work selects on it beside its
// context, which a first stop does not cancel, and returns; so does a goroutine
// of the user's own.
//
// Should the next program fail to be executed, the daemon sets up again and
// Stopping returns another channel, which is open: ask for it in each iteration.
// It never returns nil, and before Main and Run it is open.
func (d *Daemon) Stopping() <-chan struct{} { return d.stopNotice.channel() }

// Sleep waits on the daemon's clock, and ends early when there is no point in
// waiting. It returns nil after duration, the cause of ctx when that was
// cancelled, and ErrStopping when the daemon stops or restarts: an Execute then
// returns nil, or what is left to say. It returns at once for a duration of 0 or
// less, with one of these errors if there is one already. Like Clock, it is for
// daemons that run.
func (d *Daemon) Sleep(ctx context.Context, duration time.Duration) error {
	stopping := d.Stopping()
	if duration > 0 {
		t := d.host.Clock.NewTimer(duration)
		defer t.Stop()
		select {
		case <-t.C():
		case <-stopping:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select { // the timer may have fired at the same instant
	case <-stopping:
		return ErrStopping
	default:
		return nil
	}
}

// endedByStop reports whether an iteration that has returned err did so because
// the daemon stops or restarts, which is no failure.
func (d *Daemon) endedByStop(ctx context.Context, err error) bool {
	select {
	case <-d.Stopping():
		return errors.Is(err, ErrStopping) || errors.Is(context.Cause(ctx), ErrStopping) && errors.Is(err, context.Canceled)
	default:
		return false
	}
}
