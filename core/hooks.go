package core

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/evertick/evertick/forker"
)

// Hook is a point in the life of a daemon at which handlers run: see On.
//
// Handlers of HookSignal run beside the loop, one after the other; HookFork,
// HookReap, HookRecycle and HookError say where theirs run. All others run in the
// course of things: what comes next waits for them, and their time counts to the
// setup, iteration or teardown that they belong to. A panic in a handler is
// logged and stops nothing else.
type Hook int

const (
	// HookInit: setup is complete, the loop is about to start; in each program.
	HookInit Hook = iota

	// HookPreExecute: an iteration is about to call Execute.
	HookPreExecute

	// HookPostExecute: Execute has returned, HookInfo.Took and HookInfo.Err tell how.
	HookPostExecute

	// HookIdle: the iteration is over and there is time left before the next tick.
	// A handler may use it for work that can wait, up to HookInfo.Left. A loop that
	// never has time left has it as IdleEvery says, else never.
	HookIdle

	// HookError: Execute returned an error or panicked, or Alertf was called, from
	// setup on: HookInfo.Err. For an error of Execute it runs before HookPostExecute;
	// for Alertf beside the loop, as HookSignal does. An alert that comes while
	// such handlers run, or while 32 alerts wait for them, does not call them:
	// they may call Alertf themselves.
	HookError

	// HookSignal: a signal arrived: HookInfo.Signal.
	HookSignal

	// HookRestart: teardown begins because another program is to follow.
	HookRestart

	// HookShutdown: teardown begins because the daemon ends.
	HookShutdown

	// HookFork: a child was started: HookInfo.Child. It runs in the goroutine
	// that forks, before the child's first line is logged.
	HookFork

	// HookReap: a child has ended and was reaped: HookInfo.Child, and
	// HookInfo.Err for one that failed. It runs beside the loop.
	HookReap

	// HookRecycle: a worker is to be replaced as its pool asks:
	// HookInfo.Child, and why in HookInfo.Cause. It runs beside the loop.
	HookRecycle
)

// String returns the hook's name.
func (h Hook) String() string {
	return [...]string{
		"init", "pre-execute", "post-execute", "idle", "error",
		"signal", "restart", "shutdown", "fork", "reap", "recycle",
	}[h]
}

// HookInfo is what a handler is told.
type HookInfo struct {
	// Hook is what happened.
	Hook Hook

	// Iteration is the number of the current or latest iteration.
	Iteration int64

	// Took is how long Execute ran: HookPostExecute, HookError, HookIdle.
	Took time.Duration

	// Left is the time until the next tick: HookIdle. It is the interval less what
	// the iteration took, and 0 where there is no interval.
	Left time.Duration

	// Err is what went wrong: HookPostExecute, HookError, HookReap.
	Err error

	// Signal is the signal that arrived: HookSignal.
	Signal os.Signal

	// Child is the child: HookFork, HookReap, HookRecycle.
	Child forker.Info

	// Cause says in words why: HookRestart, HookShutdown, HookRecycle.
	Cause string
}

// Handler is called at a hook.
type Handler func(ctx context.Context, d *Daemon, h HookInfo)

// Throttle returns a handler that calls h at most once in period, for hooks that
// come often: what comes sooner after the last call is dropped. The time is the
// daemon's, and starts again with each program. A period of 0 or less drops nothing.
// It is safe for concurrent use, and a handler of several hooks counts them
// together.
func Throttle(period time.Duration, h Handler) Handler {
	var mu sync.Mutex // held for instants only
	var last time.Time
	due := func(now time.Time) bool {
		mu.Lock()
		defer mu.Unlock()
		if now.Sub(last) < period {
			return false
		}
		last = now
		return true
	}
	return func(ctx context.Context, d *Daemon, info HookInfo) {
		if due(d.Clock().Now()) {
			h(ctx, d, info)
		}
	}
}
