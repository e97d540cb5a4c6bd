package core

import (
	"syscall"
	"testing"
)

// Events are taken by their precedence, whatever order they came in.
func TestMailboxTakesByPrecedence(t *testing.T) {
	m := newMailbox()
	for k := numEvents - 1; k >= 0; k-- {
		m.post(event{kind: k})
	}
	for k := range numEvents {
		if e, ok := m.take(); !ok || e.kind != k {
			t.Errorf("want %q, got %q, %t", k, e.kind, ok)
		}
	}
	if e, ok := m.take(); ok {
		t.Errorf("want nothing more, got %q", e.kind)
	}
}

// Among equals the older one goes first, and what says the same is one.
func TestMailboxMergesWhatSaysTheSame(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []event
		left   int
	}{
		{"stops count", []event{{kind: StopAsked, cause: "a"}, {kind: StopAsked, cause: "b"}}, 2},
		{"restarts merge", []event{{kind: RestartAsked, cause: "a"}, {kind: RestartAsked, cause: "b"}}, 1},
		{"ticks merge", []event{{kind: TickDue}, {kind: TickDue}}, 1},
		{"one signal merges", []event{{kind: SignalCame, signal: syscall.SIGUSR1}, {kind: SignalCame, signal: syscall.SIGUSR1}}, 1},
		{"two signals do not", []event{{kind: SignalCame, signal: syscall.SIGUSR1}, {kind: SignalCame, signal: syscall.SIGUSR2}}, 2},
		{"returns count", []event{{kind: Executed, job: 1}, {kind: Executed, job: 2}}, 2},
	} {
		m := newMailbox()
		for _, e := range c.events {
			m.post(e)
		}
		for i := range c.left {
			if e, ok := m.take(); !ok || e.cause != c.events[i].cause || e.job != c.events[i].job || e.signal != c.events[i].signal {
				t.Errorf("%s: event %d is %+v, %t", c.name, i, e, ok)
			}
		}
		if _, ok := m.take(); ok {
			t.Errorf("%s: more than %d events are left", c.name, c.left)
		}
	}
}

func TestMailboxBefore(t *testing.T) {
	m := newMailbox()
	m.post(event{kind: Executed})
	m.post(event{kind: TickDue})
	if m.before(Executed) {
		t.Error("neither an equal nor a later kind goes before")
	}
	m.post(event{kind: StopAsked})
	if !m.before(Executed) {
		t.Error("a stop goes before")
	}
	if !m.drop(StopAsked) || m.drop(StopAsked) || m.before(Executed) {
		t.Error("drop forgets what waits, and tells whether anything did")
	}
}
