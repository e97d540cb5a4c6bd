package core

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core/host"
)

// executor runs iterations: it calls Execute and the hooks around it, and
// counts.
type executor struct {
	d         *Daemon
	abandoned *atomic.Bool

	running int64 // the iteration that runs, for counters
	counted bool  // Execute has returned, and the iteration that runs is counted
	took    time.Duration
	err     error

	idled time.Time // when HookIdle came last; at first, when the first iteration started
	told  time.Time // when the supervisor was told of an iteration last
}

var _ iteration = (*executor)(nil)

func (x *executor) now() time.Time { return x.d.host.Clock.Now() }

// iterate runs one iteration that starts now. Where no hook takes time after
// it, the reading of the clock at its end serves the next one as its start.
func (x *executor) iterate(ctx context.Context, now time.Time) (end time.Time, took time.Duration, err error) {
	d := x.d
	x.counted = false
	n, running := d.counters.begin(now)
	x.running = running
	if d.life.due(now) {
		d.noteLife(n, now)
	}
	if d.host.Hooks.Observe != nil {
		d.host.Hooks.Observe(host.Observation{Kind: host.Begun, Iteration: n})
	}
	hooked := len(d.set.handlers) > 0
	if hooked {
		if x.idled.IsZero() {
			x.idled = now
		}
		d.tell(ctx, HookInfo{Hook: HookPreExecute, Iteration: n})
	}
	d.handleResults()
	if err = x.execute(ctx); err != nil && d.endedByStop(ctx, err) {
		err = nil
	}
	end, took = x.finish(ctx, n, now, err)
	if hooked {
		end = x.now()
	}
	return end, took, err
}

// execute calls the user's function without a closure, because at interval 0
// even that would show.
func (x *executor) execute(ctx context.Context) (err error) {
	if x.d.set.crashOnPanic {
		defer catchFatal(&err)
	} else {
		defer catch(&err)
	}
	return x.d.set.execute(ctx, x.d)
}

// finish counts the end of an iteration and runs the hooks after it.
func (x *executor) finish(ctx context.Context, n int64, start time.Time, err error) (end time.Time, took time.Duration) {
	d := x.d
	end = x.now()
	took = end.Sub(start)
	x.counted, x.took, x.err = true, took, err
	if x.abandoned.Load() {
		return end, took
	}
	defer d.counters.idle(x.running) // also after a hook that ends this goroutine
	d.counters.end(took, err != nil)
	if d.host.Hooks.Observe != nil {
		d.host.Hooks.Observe(host.Observation{Kind: host.Ended, Iteration: n, Took: took, Err: err})
	}
	if d.host.Supervisor.Detected() && end.Sub(x.told) >= statusEvery {
		x.told = end
		d.tellStatus(n, took, err)
	}
	if len(d.set.handlers) > 0 {
		x.tellEnd(ctx, end, HookInfo{Iteration: n, Took: took, Err: err})
	}
	return end, took
}

func (x *executor) tellEnd(ctx context.Context, end time.Time, h HookInfo) {
	hooks := make([]HookInfo, 0, 3)
	if h.Err != nil {
		h.Hook = HookError
		hooks = append(hooks, h)
	}
	h.Hook = HookPostExecute
	hooks = append(hooks, h)
	every := x.d.set.idleEvery
	if h.Left = x.d.left(h.Took); h.Left > 0 || every > 0 && end.Sub(x.idled) >= every {
		x.idled = end
		h.Hook = HookIdle
		hooks = append(hooks, h)
	}
	x.d.tell(ctx, hooks...)
}

// goexit ends the account of an iteration whose goroutine has ended, unless it
// was a hook after Execute that ended it.
func (x *executor) goexit(ctx context.Context) {
	if start, running := x.d.counters.startOfRunning(); running && !x.counted {
		x.finish(ctx, x.d.Iteration(), start, errGoexit)
	}
}

func (x *executor) outcome() (took time.Duration, err error) { return x.took, x.err }
