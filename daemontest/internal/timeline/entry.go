package timeline

import (
	"fmt"
	"time"
)

// Kind says what an entry tells.
type Kind uint8

const (
	// Execute is an iteration: N, Interval, and once it is Done, Took, Failed
	// and Text.
	Execute Kind = iota

	// Log is a message that was logged: Text. It is Lost where it has reached
	// neither a file nor a standard output that leads somewhere.
	Log

	// State is a new state of a daemon: Text.
	State

	// Step is an action of the scenario: Text.
	Step

	// Mail is a mail that the server took: Text is its subject.
	Mail

	// Notify is a state that the supervisor received: Text.
	Notify

	// Exec is a process that replaces its program.
	Exec

	// End is the end of a process: Text says how.
	End

	// Stdout is lines that a process wrote to standard output, but those of its
	// log: Text.
	Stdout

	// Stderr is the same of standard error.
	Stderr

	// Fork is a process that was started by another one: Text says as what.
	Fork
)

// Entry is one line of the timeline, not yet put into words.
type Entry struct {
	// At is the time since the scenario's start.
	At time.Duration

	// Took is how long an iteration took, Interval how long it should take at
	// most; 0 where there is no interval.
	Took, Interval time.Duration

	// N is an iteration's number.
	N int64

	// PID is the process that did it; 0 is the world.
	PID int

	// Text is what was said; of an iteration, its error.
	Text string

	// Kind says what the entry tells.
	Kind Kind

	// Done and Failed say that an iteration has ended, and how.
	Done, Failed bool

	// Lost says that a log message has reached nobody.
	Lost bool
}

// Overran reports whether an iteration took longer than its interval.
func (e *Entry) Overran() bool { return e.Done && e.Interval > 0 && e.Took > e.Interval }

// String returns the entry in words, without its time and process.
func (e *Entry) String() string {
	switch e.Kind {
	case Execute:
		return e.iteration()
	case Log:
		if e.Lost {
			return "log (reached nobody): " + e.Text
		}
		return "log: " + e.Text
	case State:
		return "-> " + e.Text
	case Step:
		return "step: " + e.Text
	case Mail:
		return "mail: " + e.Text
	case Notify:
		return "notify: " + e.Text
	case Exec:
		return "exec: next program"
	case Stdout:
		return "stdout: " + e.Text
	case Stderr:
		return "stderr: " + e.Text
	case Fork:
		return "fork: " + e.Text
	default:
		return "end: " + e.Text
	}
}

func (e *Entry) iteration() string {
	text := fmt.Sprintf("execute #%d", e.N)
	switch {
	case !e.Done:
		text += " ... does not return"
	case e.Took > 0:
		text += fmt.Sprintf(" ... %s", e.Took.Round(time.Microsecond))
	}
	if e.Overran() {
		text += fmt.Sprintf("  OVERRUN +%s", (e.Took - e.Interval).Round(time.Microsecond))
	}
	if e.Failed {
		text += "  FAILED: " + e.Text
	}
	return text
}
