package core

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
)

// machine moves a daemon through its life. Its fields belong to the event
// goroutine, the one that calls run; every other goroutine only posts events.
type machine struct {
	*Daemon
	args  []string
	state State

	timer     clockwork.Timer
	armed     time.Time // when timer fires; zero: not armed
	deadlines [numDeadlines]time.Time

	worker  *worker
	aside   *aside
	keeper  *keeper // nil without a lock
	attempt *attempt
	pid     forker.PIDFile
	job     int  // the job that counts; the return of an older one is dropped
	busy    bool // it runs
	given   bool // todo is to begin when the action is over
	todo    job
	cause   error // not nil: why ctx is cancelled when the action is over

	sched  schedule
	madeUp time.Time       // when missed ticks were last counted; zero: never
	ctx    context.Context // of setup and the iterations of this image
	cancel context.CancelCauseFunc

	plan        plan
	leaving     atomic.Bool // teardown is for good: the last mails are waited for
	endTeardown context.CancelFunc
	forced      bool   // waiting is over: contexts are cancelled
	trying      string // why the next binary is being tried; "" when it is not
	stopTry     context.CancelFunc
	wanted      string // a restart that was asked for during setup, and why
	streak      int    // failures in a row
	high        int    // looks in a row that found too much memory
	strange     bool   // somebody else's file in place of the PID file was told
	ready       bool   // readiness was reported
	replaced    bool   // another image has taken over
	blind       bool   // standing by, while the lock cannot be asked for
	code        int
}

// A plan is what comes after draining and teardown.
type plan struct {
	restart bool   // the next image; else the end
	trial   bool   // try it first, after draining
	bare    bool   // no teardown: something that it could collide with still runs
	noLease bool   // the lock was lost: the next image must win it anew
	cause   string // in words
	code    int    // exit status of the end
}

// A deadline is an instant at which an event of its own is due.
type deadline int

const (
	tickAt deadline = iota
	limitAt
	timeUpAt
	backOffAt
	restartAt
	housekeepingAt
	leaseAt
	numDeadlines
)

var deadlineEvents = [numDeadlines]event{
	tickAt:         {kind: TickDue},
	limitAt:        {kind: LimitReached},
	timeUpAt:       {kind: TimeIsUp},
	backOffAt:      {kind: BackedOff},
	restartAt:      {kind: RestartAsked, cause: "restart interval"},
	housekeepingAt: {kind: Housekeeping},
	leaseAt:        {kind: LeaseLost, cause: "could not be renewed in time"},
}

func newMachine(d *Daemon, args []string) *machine {
	m := &machine{Daemon: d, args: args}
	m.worker = newWorker(d, d.mail)
	m.aside = newAside(d)
	m.timer = d.host.Clock.NewTimer(time.Hour)
	m.timer.Stop()
	m.newContext()
	return m
}

func (m *machine) newContext() {
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
}

// run is the event goroutine. over is false when another image has taken the
// process over, or a harness has killed it.
func (m *machine) run(ctx context.Context) (code int, over bool) {
	m.listen()
	defer context.AfterFunc(ctx, func() { m.Stop("context: " + context.Cause(ctx).Error()) })()
	m.begin()
	for m.state != StateEnded {
		e, alive := m.nextEvent()
		if !alive {
			return 0, false
		}
		m.handle(e)
	}
	return m.code, !m.replaced
}

// handle lets e do what the table says.
func (m *machine) handle(e event) {
	from, ctx := m.state, m.ctx
	if edge := &flat[from][e.kind]; edge.do != nil {
		m.state = edge.do(m, e)
		if m.host.Observe != nil {
			m.host.Observe(Observation{Kind: ObserveEvent, From: from, To: m.state, Event: e.kind})
		}
	}
	if e.signal != nil && len(m.set.handlers[HookSignal]) > 0 { // before a teardown begins, which waits for it
		m.aside.do(func() { m.tell(ctx, HookInfo{Hook: HookSignal, Signal: e.signal, Iteration: m.Iteration()}) })
	}
	m.follow()
}

// nextEvent waits for the event that goes first. Deadlines that have passed
// take their place among the others.
func (m *machine) nextEvent() (e event, alive bool) {
	for {
		if m.host.Checkpoint != nil && !m.host.Checkpoint() {
			return event{}, false
		}
		at := m.earliest()
		var now time.Time
		if !at.IsZero() {
			if now = m.host.Clock.Now(); !now.Before(at) {
				m.postDue(now)
				at = m.earliest()
			}
		}
		if e, ok := m.mail.take(); ok {
			if m.stale(e) {
				continue
			}
			return e, true
		}
		m.wait(at, now)
	}
}

// stale reports whether e is the return of a job that no longer counts, and
// takes note of the return of one that does.
func (m *machine) stale(e event) bool {
	switch e.kind {
	case Checked, Leased, SetUp, Executed, TornDown:
		if e.job != m.job {
			return true
		}
		m.busy = false
	default:
	}
	return false
}

func (m *machine) earliest() (at time.Time) {
	for _, t := range &m.deadlines {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

func (m *machine) postDue(now time.Time) {
	for i, t := range &m.deadlines {
		if !t.IsZero() && !now.Before(t) {
			m.deadlines[i] = time.Time{}
			m.mail.post(deadlineEvents[i])
		}
	}
}

// wait blocks until an event is posted or the time is at. A timer that is set
// to an earlier time is left as it is: to be woken once in vain costs less than
// to set it anew for each iteration.
func (m *machine) wait(at, now time.Time) {
	if at.IsZero() {
		<-m.mail.wake
		return
	}
	if m.armed.IsZero() || at.Before(m.armed) {
		m.timer.Reset(at.Sub(now))
		m.armed = at
	}
	select {
	case <-m.mail.wake:
	case <-m.timer.C():
		m.armed = time.Time{}
	}
}

// after sets a deadline anew; an earlier one of its kind no longer counts.
func (m *machine) after(d deadline, after time.Duration) {
	if d == timeUpAt || d == backOffAt {
		m.mail.drop(deadlineEvents[d].kind)
	}
	m.deadlines[d] = m.host.Clock.Now().Add(after)
}

func (m *machine) clear(ds ...deadline) {
	for _, d := range ds {
		m.deadlines[d] = time.Time{}
	}
}

// start gives the worker a job, whose return is an event of kind. It begins when
// the action is over.
func (m *machine) start(kind EventKind, ctx context.Context, run func(context.Context) error) {
	m.job++
	m.busy, m.given = true, true
	m.todo = job{kind: kind, id: m.job, run: run, ctx: ctx}
}

// interrupt cancels the context of what runs, when the action is over.
func (m *machine) interrupt(cause error) { m.cause = cause }

// follow lets begin what an action sets going in other goroutines, so that all
// that the action itself does comes before.
func (m *machine) follow() {
	if m.cause != nil {
		m.cancel(m.cause)
		m.cause = nil
	}
	if m.given {
		m.given = false
		m.worker.jobs <- m.todo
	}
}

// abandon leaves a job that hangs behind, with its goroutine, and gets a new
// worker for those that follow.
func (m *machine) abandon() {
	m.job++
	m.busy = false
	close(m.worker.jobs)
	m.worker = newWorker(m.Daemon, m.mail)
}

// dispose ends the goroutines that belong to the machine, whatever way run was
// left.
func (m *machine) dispose() {
	m.timer.Stop()
	m.cancel(context.Canceled)
	if m.stopTry != nil {
		m.stopTry()
	}
	m.host.Signals.Quiesce()
	m.keeper.stop()
	m.aside.close()
	m.alerts.close()
	if m.endTeardown != nil {
		m.endTeardown()
	}
	close(m.worker.jobs)
}

// force gives up waiting: it logs what everybody is doing and cancels the
// contexts.
func (m *machine) force(why string) {
	m.forced = true
	m.Logf("Forced: %s\n%s", why, stacks())
	m.interrupt(fmt.Errorf("forced: %s", why))
}
