package host

import (
	"context"
	"time"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// Hooks are what a harness puts between a daemon and its parts. A nil hook
// does nothing.
type Hooks struct {
	// Locker and Sender return what is used in the place of the declared lock
	// or mail transport.
	Locker func(lock.Locker) lock.Locker
	Sender func(mail.Sender) mail.Sender

	// Execute returns the Execute that is run in the place of the declared
	// one.
	Execute func(declared Execute) Execute

	// Checkpoint is called by the daemon's event goroutine each time that it
	// wakes. It may block, as SIGSTOP does; false means that the process has
	// been killed, and the daemon returns without a further effect.
	Checkpoint func() bool

	// Observe is told what the daemon does. It must be safe for concurrent
	// use, and must not call the daemon.
	Observe func(Observation)
}

// Execute is an iteration's work, with the daemon that it is called for left
// out: a hook knows it.
type Execute = func(ctx context.Context) error

// Kind says what an [Observation] tells.
type Kind int

const (
	// Handled: an event was handled: Event, From, To, Edge.
	Handled Kind = iota

	// Begun: an iteration starts: Iteration.
	Begun

	// Ended: it has returned: Iteration, Took, Err.
	Ended

	// Logged: a message was logged: Text, under the number PID, which is the
	// daemon's or a child's.
	Logged

	// Alerted: an alert was raised: Text. It is logged, too.
	Alerted

	// Queued: a function that runs beside the loop, such as a handler of a
	// signal, is about to start.
	Queued

	// Calling: a WarmUp, a Setup or a hook of the user's is called: Text is "WarmUp",
	// "Setup" or the hook's name.
	Calling

	// Exiting: the process is about to end: Code.
	Exiting
)

// Observation is something that a daemon did, for [Hooks.Observe].
type Observation struct {
	// Kind says which of the other fields count.
	Kind Kind

	// Event is what was handled, From and To are the states before and after.
	Event, From, To string

	// Edge is the index of that move in core.Lifecycle; -1 for one that the
	// table does not have.
	Edge int

	// Iteration is an iteration's number, Took its duration and Err its
	// failure.
	Iteration int64
	Took      time.Duration
	Err       error

	// Text is the message, PID under whose number it was logged.
	Text string
	PID  int

	// Code is the exit status.
	Code int
}
