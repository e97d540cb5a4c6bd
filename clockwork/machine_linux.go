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

// inBubble reports whether the caller is in a bubble of testing/synctest, whose
// time stands still while a goroutine runs. A machine whose clock is so coarse that
// two readings are the same has no use for a better timer than the runtime's.
func inBubble() bool {
	began := time.Now()
	for range 3 {
		if !time.Now().Equal(began) {
			return false
		}
	}
	return true
}
