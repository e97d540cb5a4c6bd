package core

import (
	"time"

	"github.com/evertick/evertick/clockwork"
)

// A deadline is an instant at which an event of its own is due.
type deadline int

const (
	tickAt deadline = iota
	iterationTimeoutAt
	timeUpAt
	backOffAt
	restartAt
	housekeepingAt
	leaseAt
	overdueAt
	watcherAt
	watchdogAt // no event: the event goroutine only has to wake
	numDeadlines
)

// causeNotRenewed is the cause of a leaseLost event that a deadline posts.
const causeNotRenewed = "could not be renewed in time"

// grace is how long an iteration that was told to end by its context may still
// take.
const grace = time.Second

var deadlineEvents = [numDeadlines]event{
	tickAt:             {kind: tickDue},
	iterationTimeoutAt: {kind: iterationTimedOut},
	timeUpAt:           {kind: timeIsUp},
	backOffAt:          {kind: backedOff},
	restartAt:          {kind: restartAsked, cause: "restart interval"},
	housekeepingAt:     {kind: housekeeping},
	leaseAt:            {kind: leaseLost, cause: causeNotRenewed},
	overdueAt:          {kind: overdue},
	watcherAt:          {kind: watcherChanged},
}

// timers are the deadlines of a daemon, and the one clock timer that all of
// them share.
type timers struct {
	clock     clockwork.Clock
	deadlines [numDeadlines]time.Time // zero: not set
	timer     clockwork.Timer
	armed     time.Time // when timer fires; zero: not armed

	lead  lead
	leads bool      // ticks have a lead
	awake time.Time // the tick whose lead has begun; zero: none
}

func newTimers(clock clockwork.Clock) *timers {
	t := &timers{clock: clock, leads: clockwork.CanBusyWait(clock), timer: clock.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

// set sets a deadline; an earlier one of its kind no longer counts.
func (t *timers) set(d deadline, at time.Time) { t.deadlines[d] = at }

// setAfter sets a deadline a while from now.
func (t *timers) setAfter(d deadline, after time.Duration) { t.set(d, t.clock.Now().Add(after)) }

func (t *timers) isSet(d deadline) bool { return !t.deadlines[d].IsZero() }

func (t *timers) clear(ds ...deadline) {
	for _, d := range ds {
		t.deadlines[d] = time.Time{}
	}
}

// clearAllBut clears every deadline but one.
func (t *timers) clearAllBut(d deadline) {
	kept := t.deadlines[d]
	t.clearAll()
	t.deadlines[d] = kept
}

func (t *timers) clearAll() { t.deadlines = [numDeadlines]time.Time{} }

// next returns the earliest deadline; the zero time when none is set.
func (t *timers) next() (at time.Time) {
	for _, d := range &t.deadlines {
		if !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	return at
}

// expire clears the deadlines that have passed, and posts their events. It
// returns the next deadline and the present time.
func (t *timers) expire(post func(event)) (next, now time.Time) {
	next, now = t.next(), t.clock.Now()
	if next.IsZero() || now.Before(next) {
		return next, now
	}
	for i, d := range &t.deadlines {
		if !d.IsZero() && !now.Before(d) {
			t.deadlines[i] = time.Time{}
			if deadline(i) != watchdogAt {
				post(deadlineEvents[i])
			}
		}
	}
	return t.next(), now
}

// wait blocks until wake can be received from, or the time is next; the zero
// time is never. A timer that is set to an earlier time is left as it is: to
// wake once for nothing costs less than to set the timer for each iteration.
func (t *timers) wait(wake <-chan struct{}, next, now time.Time) {
	if next.IsZero() {
		<-wake
		return
	}
	if t.awake.Equal(next) {
		t.busyWait(wake, next)
		return
	}
	at := next
	isTick := t.leads && next.Equal(t.deadlines[tickAt])
	if isTick {
		at = next.Add(-t.lead.of(next.Sub(now)))
	}
	if t.armed.IsZero() || at.Before(t.armed) {
		t.timer.Reset(at.Sub(now))
		t.armed = at
	}
	select {
	case <-wake:
	case <-t.timer.C():
		if isTick && next.Sub(t.armed) <= maxLead {
			t.awake = next
			t.lead.observe(t.clock.Now().Sub(t.armed))
		}
		t.armed = time.Time{}
	}
}

// busyWait reads the clock until next, or until wake can be received from.
func (t *timers) busyWait(wake <-chan struct{}, next time.Time) {
	for len(wake) == 0 && t.clock.Now().Before(next) {
	}
}

func (t *timers) stop() { t.timer.Stop() }
