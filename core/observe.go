package core

import "time"

// ObservationKind says what an Observation tells.
type ObservationKind int

const (
	// ObserveEvent: an event was handled: Event, From, To.
	ObserveEvent ObservationKind = iota

	// ObserveBegin: an iteration starts: Iteration.
	ObserveBegin

	// ObserveEnd: it has returned: Iteration, Took, Err.
	ObserveEnd

	// ObserveLog: a message was logged: Text.
	ObserveLog

	// ObserveAlert: an alert was raised: Text. It is logged, too.
	ObserveAlert

	// ObserveAside: a function that runs beside the loop, such as a handler of
	// a signal, is about to.
	ObserveAside

	// ObserveExit: the process is about to end: Code.
	ObserveExit
)

// Observation is something that a daemon did, for Host.Observe.
type Observation struct {
	// Kind says which of the other fields count.
	Kind ObservationKind

	// Event is what was handled, and From and To the states before and after.
	Event    EventKind
	From, To State

	// Iteration is an iteration's number, Took its duration and Err its
	// failure.
	Iteration int64
	Took      time.Duration
	Err       error

	// Text is the message.
	Text string

	// Code is the exit status.
	Code int
}
