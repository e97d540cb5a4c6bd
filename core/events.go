package core

import (
	"context"
	"os"
	"time"
)

// Hook is a moment in a daemon's life that others can listen for with On.
//
// Init, PreExecute, PostExecute, Idle, Error, Restart and Shutdown handlers
// run in the course of things: what comes next waits for them, and their time
// counts to the setup, iteration or teardown that they belong to. Signal handlers
// run beside the loop, one after the other. A panic in
// a handler is logged and harms nobody else.
type Hook int

const (
	// HookInit: setup is complete, the loop is about to start; in each image.
	HookInit Hook = iota

	// HookPreExecute: an iteration is about to call Execute.
	HookPreExecute

	// HookPostExecute: Execute has returned, HookInfo.Took and HookInfo.Err tell how.
	HookPostExecute

	// HookIdle: the iteration is over and there is time left before the next tick.
	// A handler may use it for work that can wait, up to HookInfo.Left.
	HookIdle

	// HookError: Execute returned an error or panicked: HookInfo.Err.
	HookError

	// HookSignal: a signal arrived: HookInfo.Signal.
	HookSignal

	// HookRestart: teardown begins because another image is to follow.
	HookRestart

	// HookShutdown: teardown begins because the daemon ends.
	HookShutdown
)

// String is the event's name.
func (e Hook) String() string {
	return [...]string{
		"init", "pre-execute", "post-execute", "idle", "error",
		"signal", "restart", "shutdown",
	}[e]
}

// HookInfo is what a handler is told.
type HookInfo struct {
	// Hook is what happened.
	Hook Hook

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
type Handler func(ctx context.Context, d *Daemon, m HookInfo)

// tell runs the handlers of m.Hook in this goroutine.
func (d *Daemon) tell(ctx context.Context, m HookInfo) {
	for _, h := range d.set.handlers[m.Hook] {
		d.guard("handler of "+m.Hook.String(), func() error {
			h(ctx, d, m)
			return nil
		})
	}
}

// guard runs f and logs what it returns or panics with.
func (d *Daemon) guard(what string, f func() error) {
	if err := recovered(f); err != nil {
		d.Logf("Error: %s: %s", what, describe(err))
	}
}
