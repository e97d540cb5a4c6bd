package signals_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/signals"
)

// What has arrived before Quiesce is delivered, in each of many rounds.
func TestQuiesceLosesNothing(t *testing.T) {
	runtime.LockOSThread() // which takes the signals that it sends to itself at once
	defer runtime.UnlockOSThread()
	o := signals.System() // which alone knows what has become of SIGTERM here
	defer o.Listen(nil, nil)
	for range 500 {
		var delivered atomic.Int64
		o.Listen([]os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM}, func(os.Signal) { delivered.Add(1) })
		for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM} {
			require.NoError(t, unix.Tgkill(os.Getpid(), unix.Gettid(), sig))
		}
		o.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
		require.Equal(t, int64(3), delivered.Load())
	}
}

// caught reports whether this process has a handler for a signal.
func caught(t *testing.T, sig syscall.Signal) bool { return masked(t, "SigCgt", sig) }

// ignored reports whether this process ignores a signal.
func ignored(t *testing.T, sig syscall.Signal) bool { return masked(t, "SigIgn", sig) }

// masked reports whether a signal is in that mask of this process.
func masked(t *testing.T, mask string, sig syscall.Signal) bool {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(status), mask+":\t")
	require.True(t, found)
	set, err := strconv.ParseUint(after[:16], 16, 64)
	require.NoError(t, err)
	return set&(1<<(sig-1)) != 0
}

// What Quiesce is to ignore is ignored when it returns, so that the next program
// finds it so; the rest is not. A Listen after an exec that failed ends that.
func TestQuiesceIgnoresForTheNextProgram(t *testing.T) {
	o := signals.System()
	defer o.Listen(nil, nil)
	all := []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
	for range 2 {
		o.Listen(all, func(os.Signal) {})
		for _, sig := range all {
			require.False(t, ignored(t, sig.(syscall.Signal)), "%v", sig)
		}
		o.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
		require.True(t, ignored(t, syscall.SIGHUP))
		require.True(t, ignored(t, syscall.SIGUSR1))
		require.False(t, ignored(t, syscall.SIGUSR2))
	}
}

// Between Quiesce and exec a SIGTERM ends the process at the very moment at which
// it is sent: a handler of the Go runtime could be cut off by the exec.
func TestQuiesceLeavesSIGTERMToTheKernel(t *testing.T) {
	o := signals.System()
	defer o.Listen(nil, nil)
	o.Listen([]os.Signal{syscall.SIGTERM}, func(os.Signal) {})
	require.True(t, caught(t, syscall.SIGTERM))
	o.Quiesce(syscall.SIGHUP)
	require.False(t, caught(t, syscall.SIGTERM))
	o.Listen([]os.Signal{syscall.SIGTERM}, func(os.Signal) {}) // after an exec that failed
	require.True(t, caught(t, syscall.SIGTERM))
}

// No signal that is to be ignored gets through between two channels that are
// closed.
func TestQuiesceInAStorm(t *testing.T) {
	out, err := roletest.Command("storm").CombinedOutput()
	require.NoError(t, err, "%s", out)
}
