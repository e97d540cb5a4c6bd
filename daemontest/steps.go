package daemontest

import (
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Step is one or more actions at a time, or after an event.
type Step struct {
	at      time.Duration
	actions []Action
	trigger func(timeline.Entry) bool // nil: at is since the start; else since the event
	after   string                    // the event, in words
	any     bool
}

// String returns the step in words, such as "at 12s: SIGUSR1".
func (s Step) String() string {
	names := make([]string, len(s.actions))
	for i, a := range s.actions {
		names[i] = a.name
	}
	when := "at " + s.at.String()
	if s.trigger != nil {
		when = s.at.String() + " after " + s.after
	}
	return when + ": " + strings.Join(names, ", ")
}

// AnyOrder returns the step without its place among the others of the same instant:
// there, too, the seed decides (see Scenario.Orders).
func (s Step) AnyOrder() Step {
	s.any = true
	return s
}

// Steps are what happens in a scenario beside the daemon itself. Steps of one
// instant happen in their written order, but those marked with AnyOrder.
type Steps []Step

// At lets actions happen at a time since the scenario's start.
func At(at time.Duration, actions ...Action) Step { return Step{at: at, actions: actions} }

// AfterLog lets actions happen once, d after a message that contains text was
// logged for the first time.
func AfterLog(text string, d time.Duration, actions ...Action) Step {
	return Step{
		at: d, actions: actions, after: fmt.Sprintf("the log line %q", text),
		trigger: func(e timeline.Entry) bool { return e.Kind == timeline.Log && strings.Contains(e.Text, text) },
	}
}

// AfterIteration lets actions happen once, d after iteration n has ended.
func AfterIteration(n int64, d time.Duration, actions ...Action) Step {
	return Step{
		at: d, actions: actions, after: fmt.Sprintf("the end of iteration %d", n),
		trigger: func(e timeline.Entry) bool { return e.Kind == timeline.Execute && e.N == n && e.Done },
	}
}

// DuringIteration lets actions happen once, d after iteration n has begun.
func DuringIteration(n int64, d time.Duration, actions ...Action) Step {
	return Step{
		at: d, actions: actions, after: fmt.Sprintf("the start of iteration %d", n),
		trigger: func(e timeline.Entry) bool { return e.Kind == timeline.Execute && e.N == n && !e.Done },
	}
}

// on returns the steps as a world has them.
func (s Steps) on(w *World) []world.Step {
	all := make([]world.Step, len(s))
	for i, step := range s {
		all[i] = world.Step{At: step.at, After: step.trigger, AnyOrder: step.any}
		for _, a := range step.actions {
			all[i].Actions = append(all[i].Actions, world.Action{Name: a.name, Do: func() { a.do(w) }})
		}
	}
	return all
}
