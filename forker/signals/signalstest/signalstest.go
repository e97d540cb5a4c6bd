// Package signalstest is the conformance suite of package signals: what every
// [signals.Listener] must do, be it the operating system's or a fake one.
//
//	func TestMyListenerConforms(t *testing.T) {
//		signalstest.Run(t, signalstest.Subject{
//			New:   func(*testing.T) (signals.Listener, func(os.Signal)) { return mine, raise },
//			Start: func(*testing.T, bool) signalstest.Process { return process },
//			In:    synctest.Test,
//		})
//	}
package signalstest

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/signals"
)

// Subject is the listener to be tested.
type Subject struct {
	// New returns the listener of a process, and raise, which sends a signal
	// to that process. Raise returns when the process has received the signal,
	// or when it is certain that it never will, because it ignores it: two
	// signals of a kind, one raised after the other, must not be merged on
	// their way.
	New func(t *testing.T) (listener signals.Listener, raise func(sig os.Signal))

	// Start starts a Go program as a process of its own that ends with the
	// test. It leads a session, as a detached daemon does, or only a process
	// group, as what a shell starts.
	Start func(t *testing.T, leadsSession bool) Process

	// In runs each case, as synctest.Test does for a listener that belongs
	// into a bubble. Nil runs it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

const (
	// guard is the longest wait for something that must happen.
	guard = time.Minute

	// pause is how long something that must not happen is given to happen.
	// However short it is in effect, no case fails by it.
	pause = 20 * time.Millisecond
)

// Run tests the subject, each promise of signals.Listener in a subtest of its
// own, and each effect that a signal has on a process.
func Run(t *testing.T, s Subject) {
	run := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, p process)
	}{
		{"each kind of signal is delivered", eachKindIsDelivered},
		{"each SIGTERM counts", eachStopCounts},
		{"a busy kind holds up no other", busyKindHoldsUpNoOther},
		{"what arrived before Quiesce is delivered, later nothing", quiesceDelivers},
		{"Listen works again after Quiesce", listenAgain},
	} {
		run(c.name, func(t *testing.T) {
			listener, raise := s.New(t)
			c.test(t, process{listener, raise})
		})
	}
	for _, c := range cases {
		run(c.name, func(t *testing.T) { c.test(t, s.Start) })
	}
}

// process is the process that is tested.
type process struct {
	signals.Listener
	raise func(os.Signal)
}

// received is a deliver that never blocks while it has space, and what it got.
type received chan os.Signal

func (r received) deliver(sig os.Signal) { r <- sig }

// next returns the next signal.
func (r received) next(t *testing.T) os.Signal {
	t.Helper()
	tooLong := time.NewTimer(guard)
	defer tooLong.Stop()
	select {
	case sig := <-r:
		return sig
	case <-tooLong.C:
		require.FailNow(t, "no signal came")
		return nil
	}
}

func eachKindIsDelivered(t *testing.T, p process) {
	kinds := []os.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT,
	}
	got := make(received, 16)
	p.Listen(kinds, got.deliver)
	defer p.Quiesce()
	for _, sig := range kinds {
		p.raise(sig)
		require.Equal(t, sig, got.next(t))
	}
}

func eachStopCounts(t *testing.T, p process) {
	got := make(received) // deliver blocks until it is read
	p.Listen([]os.Signal{syscall.SIGTERM, syscall.SIGINT}, got.deliver)
	defer p.Quiesce()
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for range 3 {
			p.raise(sig)
		}
		for range 3 {
			require.Equal(t, sig, got.next(t))
		}
	}
}

func busyKindHoldsUpNoOther(t *testing.T, p process) {
	got := make(received, 128)
	gate := make(chan struct{})
	p.Listen([]os.Signal{syscall.SIGUSR1, syscall.SIGTERM}, func(sig os.Signal) {
		if sig == syscall.SIGUSR1 {
			<-gate
		}
		got.deliver(sig)
	})
	defer p.Quiesce()
	for range 100 {
		p.raise(syscall.SIGUSR1)
	}
	p.raise(syscall.SIGTERM)
	require.Equal(t, syscall.SIGTERM, got.next(t))
	close(gate)
	require.Equal(t, syscall.SIGUSR1, got.next(t))
}

func quiesceDelivers(t *testing.T, p process) {
	got := make(received, 16)
	gate := make(chan struct{})
	kinds := []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1}
	p.Listen(kinds, func(sig os.Signal) {
		<-gate
		got.deliver(sig)
	})
	for _, sig := range kinds {
		p.raise(sig)
	}
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		p.Quiesce(syscall.SIGHUP, syscall.SIGUSR1)
	}()
	select {
	case <-quiet:
		require.FailNow(t, "Quiesce has not waited for deliver")
	case <-time.After(pause):
	}
	close(gate)
	select {
	case <-quiet:
	case <-time.After(guard):
		require.FailNow(t, "Quiesce does not return")
	}
	close(got) // a later delivery would panic
	var all []os.Signal
	for sig := range got {
		all = append(all, sig)
	}
	require.ElementsMatch(t, kinds, all)

	p.raise(syscall.SIGHUP)
	p.raise(syscall.SIGUSR1)
	later := make(received, 16)
	p.Listen([]os.Signal{syscall.SIGHUP, syscall.SIGUSR2}, later.deliver)
	defer p.Quiesce()
	p.raise(syscall.SIGUSR2)
	require.Equal(t, syscall.SIGUSR2, later.next(t), "what was ignored is not delivered later")
}

func listenAgain(t *testing.T, p process) {
	for range 3 {
		got := make(received, 16)
		p.Listen([]os.Signal{syscall.SIGHUP, syscall.SIGTERM}, got.deliver)
		p.raise(syscall.SIGHUP)
		require.Equal(t, syscall.SIGHUP, got.next(t))
		p.raise(syscall.SIGTERM)
		require.Equal(t, syscall.SIGTERM, got.next(t))
		p.Quiesce(syscall.SIGHUP)
	}
}
