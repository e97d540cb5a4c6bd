package signals_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/forker/signals/signalstest"
)

func TestOSConforms(t *testing.T) {
	signalstest.Run(t, signalstest.Subject{
		New: func(t *testing.T) (signals.Listener, func(os.Signal)) {
			return signals.System(), func(sig os.Signal) { raise(t, sig) }
		},
		Start: start,
	})
}

// raise sends sig to this process and waits until it has arrived. The kernel
// and the Go runtime merge what is pending, but hand it on to all channels at
// once, and so also to one that is for this alone.
func raise(t *testing.T, sig os.Signal) {
	t.Helper()
	if signal.Ignored(sig) {
		require.NoError(t, syscall.Kill(os.Getpid(), sig.(syscall.Signal)))
		return
	}
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, sig)
	defer signal.Stop(arrived)
	require.NoError(t, syscall.Kill(os.Getpid(), sig.(syscall.Signal)))
	select {
	case <-arrived:
	case <-time.After(time.Minute):
		require.FailNow(t, "the signal has not arrived", sig.String())
	}
}

func TestName(t *testing.T) {
	require.Equal(t, "SIGHUP", signals.Name(syscall.SIGHUP))
	require.Equal(t, "SIGTERM", signals.Name(syscall.SIGTERM))
	require.Equal(t, syscall.Signal(0).String(), signals.Name(syscall.Signal(0)))
}
