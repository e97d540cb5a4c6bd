package clockwork

import (
	"context"
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

var _ WallWatcher = machine{}

// WatchWall waits for a timer of CLOCK_REALTIME that is never due, and that the
// kernel cancels when that clock is set: TFD_TIMER_CANCEL_ON_SET in
// timerfd_create(2).
func (machine) WatchWall(ctx context.Context, stepped func()) {
	if inBubble() {
		return
	}
	fd, err := newTimerfd(unix.CLOCK_REALTIME)
	if err != nil { // there may be no free descriptor
		return
	}
	defer fd.file.Close()
	never := unix.ItimerSpec{Value: unix.NsecToTimespec(math.MaxInt64)}
	flags := unix.TFD_TIMER_ABSTIME | unix.TFD_TIMER_CANCEL_ON_SET
	if unix.TimerfdSettime(fd.fd, flags, &never, nil) != nil {
		return
	}
	defer context.AfterFunc(ctx, fd.wake)()
	tellSteps(fd.wait, stepped)
}

// tellSteps calls stepped whenever wait tells that the clock was set, until it fails
// otherwise. The timer need not be set again: it goes on, and so does the watch.
func tellSteps(wait func() error, stepped func()) {
	for {
		switch err := wait(); {
		case errors.Is(err, unix.ECANCELED):
			stepped()
		case err != nil:
			return
		}
	}
}
