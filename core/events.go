package core

import (
	"context"
	"os"
	"time"
)

// Event is a moment in a daemon's life that others can listen for with On.
//
// Init, PreExecute, PostExecute, Idle, Error, Restart and Shutdown handlers
// run in the course of things: what comes next waits for them, and their time
// counts to the setup, iteration or teardown that they belong to. Signal,
// Fork and Reap handlers run beside the loop, one after the other. A panic in
// a handler is logged and harms nobody else.
type Event int

const (
	// Init: setup is complete, the loop is about to start; in each image.
	Init Event = iota

	// PreExecute: an iteration is about to call Execute.
	PreExecute

	// PostExecute: Execute has returned, Moment.Took and Moment.Err tell how.
	PostExecute

	// Idle: the iteration is over and there is time left before the next tick.
	// A handler may use it for work that can wait, up to Moment.Left.
	Idle

	// Error: Execute returned an error or panicked: Moment.Err.
	Error

	// Signal: a signal arrived: Moment.Signal.
	Signal

	// Fork: a child process started.
	Fork

	// Reap: a child process ended.
	Reap

	// Restart: teardown begins because another image is to follow.
	Restart

	// Shutdown: teardown begins because the daemon ends.
	Shutdown
)

// String is the event's name.
func (e Event) String() string {
	return [...]string{
		"init", "pre-execute", "post-execute", "idle", "error",
		"signal", "fork", "reap", "restart", "shutdown",
	}[e]
}

// Moment is what a handler is told.
type Moment struct {
	// Event is what happened.
	Event Event

	// Iteration is the number of the current or latest iteration.
	Iteration int64

	// Took is how long Execute ran: PostExecute, Error, Idle.
	Took time.Duration

	// Left is the time until the next tick: Idle. It is the interval less what
	// the iteration took, and 0 where there is no interval.
	Left time.Duration

	// Err is what went wrong: PostExecute, Error.
	Err error

	// Signal is the signal that arrived: Signal.
	Signal os.Signal

	// Cause says in words why: Restart, Shutdown.
	Cause string
}

// Handler is called when an event happens.
type Handler func(ctx context.Context, d *Daemon, m Moment)

// tell runs the handlers of m.Event in this goroutine.
func (d *Daemon) tell(ctx context.Context, m Moment) {
	for _, h := range d.set.handlers[m.Event] {
		d.guard("handler of "+m.Event.String(), func() error {
			h(ctx, d, m)
			return nil
		})
	}
}

// guard runs f and logs what it returns or panics with.
func (d *Daemon) guard(what string, f func() error) {
	if err := recovered(f); err != nil {
		d.Log("Error: %s: %s", what, describe(err))
	}
}
