package core

import (
	"context"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// trialTimeout is how long the next program may take to check its environment.
const trialTimeout = 15 * time.Second

// trial finds out, in a child, whether the next program would start. The loop
// goes on meanwhile.
type trial struct {
	running bool
	cancel  context.CancelFunc // nil before the first one
}

// start begins a trial, unless one is running. Its outcome is posted as
// trialPassed, with the version that was tried, or trialRefused; with the cause.
// A program that is replaced meanwhile is tried again.
func (t *trial) start(clock clockwork.Clock, cause string, try func(context.Context) error, version func() string, post func(event)) {
	if t.running {
		return
	}
	t.running = true
	ctx, cancel := clockwork.WithTimeout(context.Background(), clock, trialTimeout)
	t.cancel = cancel
	go func() {
		defer cancel()
		for {
			before := version()
			err := try(ctx)
			if err == nil && before == version() {
				post(event{kind: trialPassed, cause: cause, version: before})
				return
			}
			if err != nil && (before == version() || ctx.Err() != nil) {
				post(event{kind: trialRefused, err: err, cause: cause})
				return
			}
		}
	}()
}

// returned notes that the outcome has come.
func (t *trial) returned() { t.running = false }

// abort ends a trial that is running; its outcome is a refusal.
func (t *trial) abort() {
	if t.cancel != nil {
		t.cancel()
	}
}

// failedChecks is what is known of a program that has taken the place of another
// one, which its trial has passed, and whose checks have failed since: what they
// ask for has gone in between. It keeps lock and PID file, sets up nothing, and
// tries the next program after each pause, as after fatal errors.
type failedChecks struct {
	checks string // what is wrong; empty: nothing
	inARow int    // errors before it, which set the pause
}
