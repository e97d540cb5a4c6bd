package world

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/reexec"
)

// What waits is delivered by number, except that the signals of faults come
// first; a second one of a kind is merged; a stop and SIGCONT take one another
// back. Of a real Go program with several threads that was resumed, 352 of 400
// received what had waited in this order; in the others another thread had taken
// one of the signals.
func TestWaitingSignalsComeInTheKernelsOrder(t *testing.T) {
	for name, c := range map[string]struct{ sent, received []os.Signal }{
		"running": {
			[]os.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGSEGV, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGHUP},
			[]os.Signal{syscall.SIGSEGV, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM},
		},
		"stopped": {
			[]os.Signal{syscall.SIGSTOP, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGTERM, syscall.SIGTERM, syscall.SIGUSR2, syscall.SIGCONT},
			[]os.Signal{syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGCONT, syscall.SIGWINCH},
		},
		"continued, then stopped from the terminal": {
			[]os.Signal{syscall.SIGCONT, syscall.SIGTSTP}, []os.Signal{syscall.SIGTSTP},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newSignalled(t, reexec.Origin{})
				p.Listen(
					syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGSEGV, syscall.SIGTERM, syscall.SIGCONT,
					syscall.SIGTSTP, syscall.SIGWINCH,
				)
				for _, sig := range c.sent {
					require.NoError(t, p.g.process.Signal(sig))
				}
				require.Empty(t, p.Received(), "before its lane comes")
				time.Sleep(time.Millisecond)
				require.Equal(t, c.received, p.Received())
			})
		})
	}
}

// A process that has not begun, as one between two programs, is at the mercy of
// the kernel's defaults.
func TestSignalsBeforeTheFirstGeneration(t *testing.T) {
	for sig, how := range map[syscall.Signal]string{
		syscall.SIGUSR2: "killed by SIGUSR2", syscall.SIGQUIT: "killed by SIGQUIT", syscall.SIGWINCH: "exit status -1",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newTestWorld(t, Config{Seed: 1})
			p := w.newProcess(w.Machine, nil, reexec.Origin{}).process
			require.NoError(t, p.Signal(sig))
			time.Sleep(time.Millisecond)
			require.Equal(t, how, p.How())
		})
	}
}

// Signals act as they find the process when they are sent, even where no time
// passes until that changes.
func TestSignalsOfOneInstant(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		test  func(t *testing.T, p *signalled, send func(...os.Signal))
	}{
		"before Quiesce it is delivered, once": {"running", func(t *testing.T, p *signalled, send func(...os.Signal)) {
			p.Listen(syscall.SIGHUP)
			send(syscall.SIGHUP)
			p.Quiesce()
			require.Equal(t, []os.Signal{syscall.SIGHUP}, p.Received())
		}},
		"before Quiesce it kills": {"killed by SIGTERM", func(_ *testing.T, p *signalled, send func(...os.Signal)) {
			send(syscall.SIGTERM)
			p.Quiesce(syscall.SIGTERM)
		}},
		"before Quiesce it stops": {"running", func(t *testing.T, p *signalled, send func(...os.Signal)) {
			send(syscall.SIGTSTP)
			p.Quiesce()
			require.Equal(t, "stopped", p.State())
			send(syscall.SIGCONT)
		}},
		"what is ignored is dropped, not kept": {"running", func(_ *testing.T, p *signalled, send func(...os.Signal)) {
			p.Quiesce(syscall.SIGHUP)
			send(syscall.SIGHUP)
			p.Listen(syscall.SIGHUP)
		}},
		"after an exec it has the kernel's default effect": {"killed by SIGUSR1", func(_ *testing.T, p *signalled, send func(...os.Signal)) {
			p.Listen(syscall.SIGUSR1)
			send(syscall.SIGUSR1)
			p.Exec()
		}},
		"a stopped process does not get to Quiesce": {"running", func(t *testing.T, p *signalled, send func(...os.Signal)) {
			p.Listen(syscall.SIGHUP)
			send(syscall.SIGSTOP)
			go p.Quiesce()
			time.Sleep(time.Millisecond)
			send(syscall.SIGHUP, syscall.SIGCONT)
			time.Sleep(time.Millisecond)
			require.Equal(t, []os.Signal{syscall.SIGHUP}, p.Received())
		}},
		"a stopped process does not get to Listen": {"killed by SIGTERM", func(_ *testing.T, p *signalled, send func(...os.Signal)) {
			send(syscall.SIGSTOP)
			go p.Listen(syscall.SIGTERM)
			time.Sleep(time.Millisecond)
			send(syscall.SIGTERM, syscall.SIGCONT)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newSignalled(t, reexec.Origin{})
				c.test(t, p, func(sigs ...os.Signal) {
					for _, sig := range sigs {
						require.NoError(t, p.g.process.Signal(sig))
					}
				})
				time.Sleep(time.Millisecond)
				require.Empty(t, p.Received())
				require.Equal(t, c.state, p.State())
			})
		})
	}
}

// A busy listener keeps one signal of a kind, and of the stops as many as its
// buffer has places.
func TestABusyListenerMerges(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGHUP: 2, syscall.SIGINT: 65} {
		synctest.Test(t, func(t *testing.T) {
			p := newIdle(t)
			gate, delivered := make(chan struct{}), 0
			p.host.Signals.Listen([]os.Signal{sig}, func(os.Signal) {
				<-gate
				delivered++
			})
			for range 100 {
				require.NoError(t, p.g.process.Signal(sig))
				time.Sleep(time.Millisecond)
			}
			close(gate)
			p.host.Signals.Quiesce()
			require.Equal(t, want, delivered)
		})
	}
}

// What waits for a process that is killed is not delivered.
func TestNoSignalReachesTheKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSignalled(t, reexec.Origin{})
		p.Listen(syscall.SIGHUP)
		require.NoError(t, p.g.process.Signal(syscall.SIGHUP))
		require.NoError(t, p.g.process.Signal(syscall.SIGKILL))
		time.Sleep(time.Millisecond)
		require.NotContains(t, p.Received(), os.Signal(syscall.SIGHUP))
	})
}

// What is no signal is refused; signal 0 only asks.
func TestSignalNumbersAreChecked(t *testing.T) {
	p := newIdle(t).g.process
	for _, sig := range []os.Signal{syscall.Signal(-1), syscall.Signal(maxSignal + 1), namedSignal{}} {
		require.ErrorIs(t, p.Signal(sig), syscall.EINVAL)
	}
	require.NoError(t, p.Signal(syscall.Signal(0)))
	require.Empty(t, p.signals.waiting)
	require.NoError(t, p.Signal(syscall.SIGKILL))
	require.ErrorIs(t, p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

type namedSignal struct{}

func (namedSignal) Signal()        {}
func (namedSignal) String() string { return "named" }
