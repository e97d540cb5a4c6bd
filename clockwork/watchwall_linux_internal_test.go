//go:build linux

package clockwork

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What the kernel says when the wall clock is set, and what it says otherwise. No
// test may set the machine's clock.
func TestStepsAreTold(t *testing.T) {
	says := []error{
		os.NewSyscallError("read", unix.ECANCELED), nil,
		&os.PathError{Op: "read", Path: "timerfd", Err: unix.ECANCELED}, os.ErrDeadlineExceeded,
	}
	told := 0
	tellSteps(func() error {
		err := says[0]
		says = says[1:]
		return err
	}, func() { told++ })
	assert.Equal(t, 2, told)
	assert.Empty(t, says)
}

// The descriptor is the kernel's, is no child's, and is closed in the end.
func TestTheWallClockIsWatched(t *testing.T) {
	before := timerfds(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		WatchWall(ctx, Real(), func() {})
	}()
	require.Eventually(t, func() bool { return len(timerfds(t)) == len(before)+1 }, time.Minute, time.Millisecond)
	cancel()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	assert.Len(t, timerfds(t), len(before))
}

// Where there is nothing to watch by, it returns.
func TestNoWallClockToWatch(t *testing.T) {
	WatchWall(t.Context(), struct{ Clock }{Real()}, nil)
	synctest.Test(t, func(t *testing.T) { WatchWall(t.Context(), Real(), nil) })
}
