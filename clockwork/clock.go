package clockwork

import (
	"context"
	"time"

	"github.com/benbjohnson/clock"
)

// Clock is all that Evertick asks of time. It is safe for concurrent use.
type Clock interface {
	// Now is the reading by which intervals are measured: only the difference
	// of two readings has a meaning. A step of the wall clock does not show in
	// it.
	Now() time.Time

	// Wall is the time that people read. It follows every step of the wall
	// clock and carries no monotonic reading.
	Wall() time.Time

	// Boot is the time since the machine started. Unlike Now it counts the
	// time that the machine was suspended, and two processes of one machine
	// may compare their readings.
	Boot() time.Duration

	// NewTimer returns a timer that fires once, d from now; at once for d <= 0.
	NewTimer(d time.Duration) Timer
}

// Timer fires once. One goroutine at a time may use it.
type Timer interface {
	// C receives one value when the timer fires.
	C() <-chan time.Time

	// Stop prevents the timer from firing. After Stop no stale value can be
	// received, and it reports whether it stopped a timer that was running.
	Stop() bool

	// Reset makes the timer fire d from now, whatever it was set to before.
	// No stale value can be received after it.
	Reset(d time.Duration) bool
}

// Real returns the machine's own clock.
func Real() Clock { return real }

var real Clock = machine{From(clock.New())}

// machine is the real clock with the boot time that only the kernel can tell.
type machine struct{ Clock }

func (machine) Boot() time.Duration { return sinceBoot() }

// From returns the Clock that reads a clock of github.com/benbjohnson/clock, its
// Mock included. Boot is then the time since the clock's own epoch.
//
// The Mock has pitfalls. Each move of it ends with a real pause of a millisecond
// and synchronises nothing, so a test must itself wait for what it expects. A
// timer of 0 fires only with the next move. time.Sleep and context.WithTimeout
// in the code under test do not follow it. Prefer daemontest.Run, which has none
// of these.
func From(c clock.Clock) Clock { return from{c} }

type from struct{ clock clock.Clock }

func (f from) Now() time.Time      { return f.clock.Now() }
func (f from) Wall() time.Time     { return f.clock.Now().Round(0) }
func (f from) Boot() time.Duration { return time.Duration(f.clock.Now().UnixNano()) }

func (f from) NewTimer(d time.Duration) Timer {
	_, mock := f.clock.(*clock.Mock)
	return &timer{f.clock.Timer(d), mock}
}

type timer struct {
	timer *clock.Timer
	mock  bool
}

func (t *timer) C() <-chan time.Time { return t.timer.C }

func (t *timer) Stop() bool {
	running := t.timer.Stop()
	t.drain()
	return running
}

func (t *timer) Reset(d time.Duration) bool {
	if !t.mock {
		return t.timer.Reset(d)
	}
	running := t.timer.Stop()
	t.drain()
	t.timer.Reset(d)
	return running
}

// drain matters to the Mock alone: a channel of the time package holds no
// stale value after Stop or Reset.
func (t *timer) drain() {
	if !t.mock {
		return
	}
	select {
	case <-t.timer.C:
	default:
	}
}

// Sleep waits for d on c, or until ctx is done, whose cause it then returns.
// It returns nil at once for d <= 0.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := c.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// WithTimeout is context.WithTimeout on c: the context is cancelled d from now
// with context.DeadlineExceeded as its cause. It has no Deadline of its own,
// because c may not be the clock that others would compare it with. Call
// cancel, or a goroutine stays until the time is over.
func WithTimeout(parent context.Context, c Clock, d time.Duration) (ctx context.Context, cancel context.CancelFunc) {
	ctx, stop := context.WithCancelCause(parent)
	t := c.NewTimer(d)
	go func() {
		defer t.Stop()
		select {
		case <-t.C():
			stop(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(context.Canceled) }
}
