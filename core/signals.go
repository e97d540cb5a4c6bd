package core

import (
	"os"
	"slices"
	"syscall"

	"github.com/evertick/evertick/forker/signals"
)

// listen makes events of signals from now on.
func (m *machine) listen() {
	all := slices.Clone(reserved)
	for sig := range m.d.set.onSignal {
		all = append(all, sig)
	}
	m.hasTerminal.Store(m.terminal())
	m.d.host.Signals.Listen(all, m.deliver)
	m.watcher.resume()
}

func (m *machine) deliver(sig os.Signal) {
	e := event{kind: signalCame, signal: sig, cause: signals.Name(sig), at: m.d.host.Clock.Now()}
	switch sig {
	case syscall.SIGINT, syscall.SIGTERM:
		e.kind = stopAsked
	case syscall.SIGHUP:
		e.kind = restartAsked
		if m.hasTerminal.Load() && !m.terminal() { // else somebody has sent it
			e.kind, e.cause = stopAsked, "the terminal was closed"
		}
	case syscall.SIGCONT:
		e.kind = woken
	}
	m.d.queue.post(e)
}

// onSignal handles the signals that leave the state as it is.
func (m *machine) onSignal(e event) state {
	if e.signal == syscall.SIGUSR1 {
		m.giveDump()
	} else if f := m.d.set.onSignal[e.signal]; f != nil {
		ctx := m.jobs.ctx
		m.handlers.add(func() {
			m.d.guard("handler of "+e.cause, func() error { return f(ctx, m.d) })
		})
	}
	return m.state
}

// ignoredAtExec returns the signals that must not kill the next program before
// it listens for them, or before it is a Go program, to which some of them do
// nothing.
func (m *machine) ignoredAtExec() []os.Signal {
	ignored := []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGIO}
	for sig := range m.d.set.onSignal {
		ignored = append(ignored, sig)
	}
	return ignored
}
