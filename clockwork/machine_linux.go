package clockwork

import (
	"context"
	"time"
)

var _ BootSleeper = machine{}

// NewTimer returns a timer of CLOCK_MONOTONIC.
func (m machine) NewTimer(d time.Duration) Timer {
	if inBubble() {
		return m.Clock.NewTimer(d)
	}
	return monotonic.newTimer(later(monotonic.now(), d))
}

// SleepUntilBoot waits for a timer of CLOCK_BOOTTIME.
func (m machine) SleepUntilBoot(ctx context.Context, at time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if inBubble() {
		return pollBoot(ctx, m, at)
	}
	t := bootTime.newTimer(at)
	defer t.Stop()
	select {
	case <-t.c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
