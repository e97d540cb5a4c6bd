package forktest

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func signalCases() []Case {
	return []Case{
		{"each kind of signal is delivered", delivered},
		{"each SIGTERM counts", eachCounts},
		{"a busy kind holds up no other", busyKind},
		{"what arrived before Quiesce is delivered, later nothing", quiesced},
		{"Listen works again after Quiesce", listenAgain},
	}
}

// heard is a deliver that never blocks, and what it got.
type heard chan os.Signal

func (h heard) deliver(sig os.Signal) { h <- sig }

// next is the next signal.
func (h heard) next(t testing.TB) os.Signal {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case sig := <-h:
		return sig
	case <-limit.C:
		require.FailNow(t, "no signal came")
		return nil
	}
}

func delivered(t testing.TB, w World) {
	kinds := []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT}
	h := make(heard, 16)
	w.Signals.Listen(kinds, h.deliver)
	defer w.Signals.Quiesce()
	for _, sig := range kinds {
		w.Raise(sig)
		require.Equal(t, sig, h.next(t))
	}
}

func eachCounts(t testing.TB, w World) {
	h := make(heard)
	w.Signals.Listen([]os.Signal{syscall.SIGTERM, syscall.SIGINT}, h.deliver)
	defer w.Signals.Quiesce()
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for range 3 { // nobody takes them yet
			w.Raise(sig)
			time.Sleep(20 * time.Millisecond) // the kernel itself merges what is pending
		}
		for range 3 {
			require.Equal(t, sig, h.next(t))
		}
	}
}

func busyKind(t testing.TB, w World) {
	h := make(heard, 16)
	gate := make(chan struct{})
	w.Signals.Listen([]os.Signal{syscall.SIGUSR1, syscall.SIGTERM}, func(sig os.Signal) {
		if sig == syscall.SIGUSR1 {
			<-gate
		}
		h.deliver(sig)
	})
	defer w.Signals.Quiesce()
	for range 100 {
		w.Raise(syscall.SIGUSR1)
	}
	w.Raise(syscall.SIGTERM)
	require.Equal(t, syscall.SIGTERM, h.next(t))
	close(gate)
	require.Equal(t, syscall.SIGUSR1, h.next(t))
}

func quiesced(t testing.TB, w World) {
	h := make(heard, 1024)
	kinds := []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1}
	w.Signals.Listen(kinds, func(sig os.Signal) {
		time.Sleep(50 * time.Millisecond)
		h.deliver(sig)
	})
	for _, sig := range kinds {
		w.Raise(sig)
	}
	time.Sleep(20 * time.Millisecond) // for the kernel; none has been delivered yet
	w.Signals.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
	close(h) // a later delivery would panic
	var got []os.Signal
	for sig := range h {
		got = append(got, sig)
	}
	require.ElementsMatch(t, kinds, got)
	w.Raise(syscall.SIGHUP)
	w.Raise(syscall.SIGUSR1)
	time.Sleep(100 * time.Millisecond)
}

func listenAgain(t testing.TB, w World) {
	for range 3 {
		h := make(heard, 16)
		w.Signals.Listen([]os.Signal{syscall.SIGHUP, syscall.SIGTERM}, h.deliver)
		w.Raise(syscall.SIGHUP)
		require.Equal(t, syscall.SIGHUP, h.next(t))
		w.Raise(syscall.SIGTERM)
		require.Equal(t, syscall.SIGTERM, h.next(t))
		w.Signals.Quiesce(syscall.SIGHUP)
	}
}
