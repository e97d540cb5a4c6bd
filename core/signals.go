package core

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/evertick/evertick/forker"
)

// own are the signals that have a meaning of their own.
var own = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGCONT}

func refuseSignal(sig os.Signal) error {
	switch {
	case slices.Contains(own, sig):
		return fmt.Errorf("core.OnSignal(%v): this signal has a meaning of its own; listen for it with core.On(core.HookSignal, …)", sig)
	case sig == syscall.SIGKILL || sig == syscall.SIGSTOP:
		return fmt.Errorf("core.OnSignal(%v): no process can catch this signal", sig)
	}
	return nil
}

// listen makes events of signals from now on.
func (m *machine) listen() {
	signals := slices.Clone(own)
	for sig := range m.set.onSignal {
		signals = append(signals, sig)
	}
	m.host.Signals.Listen(signals, m.deliver)
}

func (m *machine) deliver(sig os.Signal) {
	e := event{kind: SignalCame, signal: sig, cause: forker.SignalName(sig)}
	switch sig {
	case syscall.SIGINT, syscall.SIGTERM:
		e.kind = StopAsked
	case syscall.SIGHUP:
		e.kind = RestartAsked
	case syscall.SIGCONT:
		e.kind = Woken
	}
	m.mail.post(e)
}

// onSignal handles the signals that leave the state as it is.
func (m *machine) onSignal(e event) State {
	if e.signal == syscall.SIGUSR1 {
		text := m.dump()
		m.Logf("%s", text)
		m.answer("dump", answerOK, text)
	} else if f := m.set.onSignal[e.signal]; f != nil {
		ctx := m.ctx
		m.aside.do(func() {
			m.guard("handler of "+e.cause, func() error { return f(ctx, m.Daemon) })
		})
	}
	return m.state
}

// answer tells a process that waits for it what became of its -s verb.
func (m *machine) answer(verb, verdict, text string) {
	if m.cmd.pidFile != "" {
		m.host.Answers.Give(m.Path(m.cmd.pidFile), verb+" "+verdict+" "+text)
	}
}
