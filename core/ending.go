package core

import (
	"context"
	"sync/atomic"
)

// A plan is what comes after draining and teardown.
type plan struct {
	restart bool   // the next program; else the end
	trial   bool   // try it first, after draining
	bare    bool   // no teardown: something that it could collide with still runs
	noLease bool   // the lock was lost: the next program must win it again
	cause   string // in words
	code    int    // exit status of the end
}

// ending is how this program comes to its end. Only the event goroutine
// changes it.
type ending struct {
	plan     plan
	forced   bool        // waiting is over: contexts are cancelled
	code     int         // the exit status, once the process ends
	replaced bool        // another program has taken the process over
	final    atomic.Bool // teardown ends the process: the last mails are waited for

	endTeardown context.CancelFunc // of the teardown that runs; nil before it
}

// decide makes p the plan. The zero plan is to go on.
func (e *ending) decide(p plan) { e.plan = p }

// stopInstead makes an end of a restart that is planned.
func (e *ending) stopInstead(cause string) {
	e.plan.restart, e.plan.trial = false, false
	e.plan.cause = cause
}

// fail lets an end that is planned be one with exit status 1; bare leaves
// teardown out.
func (e *ending) fail(bare bool) {
	e.plan.code = 1
	e.plan.bare = e.plan.bare || bare
}
