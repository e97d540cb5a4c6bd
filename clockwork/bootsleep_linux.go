package clockwork

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var _ BootSleeper = machine{}

// SleepUntilBoot waits for a timer of CLOCK_BOOTTIME: timerfd_create(2).
func (m machine) SleepUntilBoot(ctx context.Context, at time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	timer, err := bootTimer(max(at, 1))
	if err != nil { // there may be no free descriptor
		return pollBoot(ctx, m, at)
	}
	defer timer.Close()
	defer context.AfterFunc(ctx, func() { _ = timer.SetReadDeadline(time.Unix(1, 0)) })()
	_, err = timer.Read(make([]byte, 8))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return context.Cause(ctx)
	default:
		return pollBoot(ctx, m, at)
	}
}

// bootTimer returns a file that can be read from when Boot has come to at.
func bootTimer(at time.Duration) (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	due := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(at))}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME, &due, nil); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "timerfd"), nil
}
