package core

import (
	"syscall"
	"testing"
)

// Events are taken by their precedence, whatever order they came in.
func TestQueueTakesByPrecedence(t *testing.T) {
	q := newEventQueue()
	for k := numEvents - 1; k >= 0; k-- {
		q.post(event{kind: k})
	}
	for k := range numEvents {
		if e, ok := q.take(); !ok || e.kind != k {
			t.Errorf("want %q, got %q, %t", k, e.kind, ok)
		}
	}
	if e, ok := q.take(); ok {
		t.Errorf("want nothing more, got %q", e.kind)
	}
}

// Among equals the older one goes first, and what says the same is one.
func TestQueueMergesWhatSaysTheSame(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []event
		left   int
	}{
		{"stops count", []event{{kind: stopAsked, cause: "a"}, {kind: stopAsked, cause: "b"}}, 2},
		{"restarts merge", []event{{kind: restartAsked, cause: "a"}, {kind: restartAsked, cause: "b"}}, 1},
		{"ticks merge", []event{{kind: tickDue}, {kind: tickDue}}, 1},
		{"one signal merges", []event{{kind: signalCame, signal: syscall.SIGUSR1}, {kind: signalCame, signal: syscall.SIGUSR1}}, 1},
		{"two signals do not", []event{{kind: signalCame, signal: syscall.SIGUSR1}, {kind: signalCame, signal: syscall.SIGUSR2}}, 2},
		{"returns count", []event{{kind: executed, job: 1}, {kind: executed, job: 2}}, 2},
	} {
		q := newEventQueue()
		for _, e := range c.events {
			q.post(e)
		}
		for i := range c.left {
			if e, ok := q.take(); !ok || e.cause != c.events[i].cause || e.job != c.events[i].job || e.signal != c.events[i].signal {
				t.Errorf("%s: event %d is %+v, %t", c.name, i, e, ok)
			}
		}
		if _, ok := q.take(); ok {
			t.Errorf("%s: more than %d events are left", c.name, c.left)
		}
	}
}

func TestQueueBefore(t *testing.T) {
	q := newEventQueue()
	q.post(event{kind: executed})
	q.post(event{kind: tickDue})
	if q.before(executed) {
		t.Error("neither an equal nor a later kind goes before")
	}
	q.post(event{kind: stopAsked})
	if !q.before(executed) {
		t.Error("a stop goes before")
	}
	if !q.drop(stopAsked) || q.drop(stopAsked) || q.before(executed) {
		t.Error("drop forgets what waits, and tells whether anything did")
	}
}

// A yield takes the wake-up of what was posted, and leaves it alone while an event
// waits.
func TestQueueYield(t *testing.T) {
	q := newEventQueue()
	if q.yield() {
		t.Error("nothing was posted")
	}
	q.post(event{kind: executed})
	if q.yield() || len(q.wake) != 1 {
		t.Error("an event waits already")
	}
	if _, ok := q.take(); !ok || !q.yield() || len(q.wake) != 0 {
		t.Error("the wake-up was not taken")
	}
}
