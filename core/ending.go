package core

import (
	"context"
	"sync/atomic"
	"time"
)

// A plan is what comes after draining and teardown.
type plan struct {
	restart bool   // the next program; else the end
	resume  bool   // set up again in this program, instead of either
	trial   bool   // try it first, after draining
	bare    bool   // no teardown: something that it could collide with still runs
	noLease bool   // the lock was lost: the next program must win it again
	tried   string // the version of the program that was tried; empty: any is executed
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

	pauses bool // the lock is given up for a pause, after which the program of plan is tried
	inARow int  // errors before it, which set the pause

	endTeardown context.CancelFunc // of the teardown that runs; nil before it
	flushed     atomic.Bool        // it has waited for the last mails
	failed      atomic.Bool        // what it ends has failed

	firstStop time.Time // when a signal asked to stop for the first time; zero: none has
}

// sameStop is how long after the first signal to stop another one is the same
// request: GNU timeout and some container inits deliver one of them twice, to a
// process and to its group.
const sameStop = 500 * time.Millisecond

// A stopRequest is what one more signal to stop means.
type stopRequest int

const (
	firstRequest stopRequest = iota
	sameRequest
	anotherRequest
)

// stopSignal counts a signal to stop.
func (e *ending) stopSignal(now time.Time) stopRequest {
	switch {
	case e.firstStop.IsZero():
		e.firstStop = now
		return firstRequest
	case now.Sub(e.firstStop) < sameStop:
		return sameRequest
	default:
		return anotherRequest
	}
}

// decide makes p the plan. The zero plan is to go on.
func (e *ending) decide(p plan) { e.plan = p }

// stopInstead makes an end of a restart that is planned.
func (e *ending) stopInstead(cause string) {
	e.plan.restart, e.plan.trial, e.plan.resume = false, false, false
	e.plan.cause = cause
}

// loseLease lets the next program of a restart that is planned win the lock
// again.
func (e *ending) loseLease() { e.plan.noLease = true }

// fail lets an end that is planned be one with exit status 1; bare leaves
// teardown out.
func (e *ending) fail(bare bool) {
	e.plan.code = 1
	e.plan.bare = e.plan.bare || bare
}
