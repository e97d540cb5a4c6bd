package clockwork

import (
	"context"
	"time"
)

// BootSleeper is a Clock that can wait by its Boot: the time that the machine was
// suspended counts, which it does not for a Timer.
type BootSleeper interface {
	// SleepUntilBoot waits until Boot has come to at, or until ctx is done,
	// whose cause it then returns.
	SleepUntilBoot(ctx context.Context, at time.Duration) error
}

// bootPoll is how often a clock is looked at that is no BootSleeper.
const bootPoll = 250 * time.Millisecond

// SleepUntilBoot waits until c's Boot has come to at, or until ctx is done, whose
// cause it then returns. Where c is no BootSleeper, as the real clock is on Linux
// only, it may return 250 ms late after the machine was suspended.
func SleepUntilBoot(ctx context.Context, c Clock, at time.Duration) error {
	if s, ok := c.(BootSleeper); ok {
		return s.SleepUntilBoot(ctx, at)
	}
	return pollBoot(ctx, c, at)
}

func pollBoot(ctx context.Context, c Clock, at time.Duration) error {
	for {
		left := at - c.Boot()
		if left <= 0 {
			return nil
		}
		if err := Sleep(ctx, c, min(left, bootPoll)); err != nil {
			return err
		}
	}
}
