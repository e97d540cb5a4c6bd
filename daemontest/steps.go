package daemontest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Step is one or more actions at a time, or after an event. A step that never
// comes, or whose actions find nothing to act on, is a miss.
type Step struct {
	at      time.Duration
	actions []Action
	trigger *trigger // nil: at is since the start; else since the event
	any     bool
	maybe   bool
}

// trigger is an event that a step waits for.
type trigger struct {
	is    func(timeline.Entry) bool
	words string
	line  string // the text of a log line; empty for another event
	whose whose
	of    string // arguments of a Command
}

// whose says which daemon's event a trigger is.
type whose int

const (
	anybodys whose = iota
	ownDaemons
	commandDaemons
)

// String returns the step in words, such as "at 12s: SIGUSR1".
func (s Step) String() string {
	names := make([]string, len(s.actions))
	for i, a := range s.actions {
		names[i] = a.name
	}
	when := "at " + s.at.String()
	if s.trigger != nil {
		when = s.at.String() + " after " + s.trigger.words
	}
	return when + ": " + strings.Join(names, ", ")
}

// AnyOrder returns the step without its place among the others of the same instant:
// there, too, the seed decides (see Scenario.Orders).
func (s Step) AnyOrder() Step {
	s.any = true
	return s
}

// Maybe returns the step as one that need not come, and whose actions may find
// nothing to act on.
func (s Step) Maybe() Step {
	s.maybe = true
	return s
}

// Of returns the step as one that waits for an event of the daemons that Command
// has started with these arguments. It panics for a step of At, which waits for
// no event.
func (s Step) Of(args string) Step {
	if s.trigger == nil {
		panic("daemontest: Of is for steps that wait for an event; " + s.String() + " waits for none")
	}
	t := *s.trigger
	t.words += fmt.Sprintf(" of %q", args)
	t.of, t.whose = args, commandDaemons
	s.trigger = &t
	return s
}

// Steps are what happens in a scenario beside the daemon itself. Steps of one
// instant happen in their written order, but those marked with AnyOrder.
type Steps []Step

// At lets actions happen at a time since the scenario's start.
func At(at time.Duration, actions ...Action) Step { return Step{at: at, actions: actions} }

// AfterLog lets actions happen once, d after a message that contains text was
// logged for the first time, by whatever process.
func AfterLog(text string, d time.Duration, actions ...Action) Step {
	return Step{at: d, actions: actions, trigger: &trigger{
		is: logs(text), words: fmt.Sprintf("the log line %q", text), line: text,
	}}
}

// AfterIteration lets actions happen once, d after iteration n of the scenario's
// own daemon has ended; see Of for other daemons.
func AfterIteration(n int64, d time.Duration, actions ...Action) Step {
	return Step{at: d, actions: actions, trigger: &trigger{
		is:    func(e timeline.Entry) bool { return isExecute(e) && e.N == n && e.Done },
		words: fmt.Sprintf("the end of iteration %d", n), whose: ownDaemons,
	}}
}

// DuringIteration lets actions happen once, d after iteration n of the scenario's
// own daemon has begun; see Of for other daemons.
func DuringIteration(n int64, d time.Duration, actions ...Action) Step {
	return Step{at: d, actions: actions, trigger: &trigger{
		is:    func(e timeline.Entry) bool { return isExecute(e) && e.N == n && !e.Done },
		words: fmt.Sprintf("the start of iteration %d", n), whose: ownDaemons,
	}}
}

// AfterFork lets actions happen once, d after child n of a task was started,
// counted from 1 over all programs.
func AfterFork(task string, n int, d time.Duration, actions ...Action) Step {
	return Step{at: d, actions: actions, trigger: &trigger{
		is:    func(e timeline.Entry) bool { return isFork(e) && e.Text == world.ForkText(task, n) },
		words: fmt.Sprintf("the start of child %d of the task %s", n, task),
	}}
}

// on returns the trigger as a world has it.
func (t *trigger) on(w *World) func(timeline.Entry) bool {
	switch t.whose {
	case ownDaemons:
		return func(e timeline.Entry) bool { return t.is(e) && e.PID == w.PID() }
	case commandDaemons:
		return func(e timeline.Entry) bool {
			return t.is(e) && slices.ContainsFunc(w.started(t.of), func(p *world.Process) bool { return p.PID() == e.PID })
		}
	default:
		return t.is
	}
}

// on returns the steps as a world has them.
func (s Steps) on(w *World) []world.Step {
	all := make([]world.Step, len(s))
	for i, step := range s {
		all[i] = world.Step{At: step.at, AnyOrder: step.any}
		if step.trigger != nil {
			all[i].After = step.trigger.on(w)
		}
		its := *w
		its.maybe = step.maybe
		for _, a := range step.actions {
			all[i].Actions = append(all[i].Actions, world.Action{Name: a.name, Do: func() { its.Do(a) }})
		}
	}
	return all
}
