package core

import (
	"context"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// warmUp runs the functions of WarmUp, in a goroutine of its own, beside the wait
// for the lock. It runs them once for each Setup that is to follow, and again where
// they have failed. Only the event goroutine uses it.
type warmUp struct {
	clock  clockwork.Clock
	run    func(ctx context.Context) error // nil: there are none
	post   func(event)
	latest *warmUpRun // nil: none yet
}

// warmUpRun is one run of all these functions.
type warmUpRun struct {
	setup  context.Context // under which the Setup runs that is to follow
	ctx    context.Context
	cancel context.CancelCauseFunc
	begun  bool
	began  time.Duration // a Boot reading
	noted  bool          // its end was, by the event goroutine

	done chan struct{} // closed when it has returned; what follows is read only then
	took time.Duration
	err  error
}

// start has the functions run from begin on. It returns the run that precedes a
// Setup under that context: the present one, unless it has failed, which was noted,
// and began that long ago. nil means that there is nothing to run.
func (w *warmUp) start(setup context.Context, pause time.Duration) *warmUpRun {
	if w.run == nil {
		return nil
	}
	now := w.clock.Boot()
	if r := w.latest; r != nil && r.setup == setup && (!r.noted || r.err == nil || now-r.began < pause) {
		return r
	}
	r := &warmUpRun{setup: setup, began: now, done: make(chan struct{})}
	// What breaks it off is end, after the Setup: of two that one cancellation wakes, either may go on first.
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(setup))
	w.latest = r
	return r
}

// begin carries out what start has asked for, as jobs.begin does.
func (w *warmUp) begin() {
	if r := w.latest; r != nil && !r.begun {
		r.begun = true
		go r.do(w)
	}
}

func (r *warmUpRun) do(w *warmUp) {
	r.err = errGoexit
	defer func() {
		r.took = w.clock.Boot() - r.began
		close(r.done)
		w.post(event{kind: warmedUp})
	}()
	r.err = recovered(func() error { return w.run(r.ctx) })
}

// returned reports whether it has. What was not begun has nothing to return from.
func (r *warmUpRun) returned() bool {
	if r == nil || !r.begun {
		return r == nil
	}
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// wait returns what the run returns, or the cause of ctx when that is done.
func (r *warmUpRun) wait(ctx context.Context) error {
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.err
}

// end tells a run that has not returned to do so, and waits for it until ctx is
// done.
func (r *warmUpRun) end(ctx context.Context, cause error) {
	if r.returned() || !r.begun {
		return
	}
	r.cancel(cause)
	select {
	case <-r.done:
	case <-ctx.Done():
	}
}
