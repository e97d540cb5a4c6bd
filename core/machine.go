package core

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core/host"
)

// machine moves a daemon through its life. It belongs to the event goroutine,
// the one that calls run; every other goroutine only posts events. Its parts
// know neither the machine nor each other.
type machine struct {
	d     *Daemon
	args  []string
	table *table
	state state

	timers   *timers
	jobs     *jobs
	handlers *handlerQueue
	pid      pidFile
	lease    *leaseRenewer // nil without a lock
	won      *attempt      // at the lock, the latest
	standby  standby
	failed   failedChecks // of this program
	warmUp   warmUp
	schedule schedule
	trial    trial
	ending   ending
	now      time.Time // when the event that is handled was taken, by Clock.Now
	health   health
	overrun  overrun
	watchdog watchdog
	watcher  watcher

	edges             *[numStates][numEvents]int // for a harness; nil in production
	inherited         *handover                  // what may still be taken over from the program before
	laid              *laidCalendar              // by the latest setup; nil without a schedule of the user's
	ticksKept         int64                      // how many states of the schedule were kept
	unwatchWall       func()                     // nil: the wall clock is not watched
	missedCountedAt   time.Time                  // when missed ticks were last counted; zero: never
	trialsRefused     int                        // in a row, while an abandoned Execute bars the way back
	restartAfterSetup string                     // why, if a restart was asked for during setup
	setupFailed       bool                       // the latest setup, and nothing runs that it would have set up
	death             string                     // what is to be told of the process that this one follows
	deathTold         bool                       // it was
	resumed           bool                       // this program goes on after an exec that failed
	ready             bool                       // readiness was reported
	notified          string                     // what the supervisor was told last
	releasing         bool                       // the lease is being given back
	forking           bool                       // children may be forked
	handedOver        bool                       // the latest event has begun a job
	hasTerminal       atomic.Bool                // at the start of this program, and since
}

// An edge is what one event does in one state: the action, the states that it
// may lead to, and words for the picture, one for each of these states,
// separated by bars. Where there is no action, the words say why the event is
// ignored, or why it cannot come.
type edge struct {
	do         func(*machine, event) state
	to         []state
	words      string
	impossible bool
}

// table is the edges by state and event.
type table [numStates][numEvents]edge

// firstIndexes returns, for each cell, the place of its first move in Lifecycle.
func (t *table) firstIndexes() *[numStates][numEvents]int {
	var first [numStates][numEvents]int
	n := 0
	for s := range t {
		for k := range t[s] {
			first[s][k] = n
			n += len(t[s][k].to)
		}
	}
	return &first
}

func newMachine(d *Daemon, args []string, t *table) *machine {
	m := &machine{d: d, args: args, table: t, inherited: d.inherited, now: d.host.Clock.Now()}
	m.timers = newTimers(d.host.Clock)
	m.jobs = newJobs(func(abandoned *atomic.Bool) iteration { return &executor{d: d, abandoned: abandoned} }, d.queue)
	m.handlers = newHandlerQueue(d.Logf, func() { d.observe(host.Observation{Kind: host.Queued}) })
	m.warmUp = warmUp{clock: d.host.Clock, post: d.queue.post}
	if len(d.set.warmUps) > 0 {
		m.warmUp.run = d.warmUp
	}
	m.pid = pidFile{files: d.host.PIDFiles, path: d.Path(d.cmd.pidFile)}
	if d.host.Hooks.Observe != nil {
		m.edges = t.firstIndexes()
	}
	return m
}

// run handles events until the end. over is false when another program has taken the
// process over, or a harness has killed it.
func (m *machine) run(ctx context.Context) (code int, over bool) {
	defer context.AfterFunc(ctx, func() { m.d.Stop("context: " + context.Cause(ctx).Error()) })()
	for m.state != stateEnded {
		e, alive := m.nextEvent()
		if !alive {
			return 0, false
		}
		m.handle(e)
	}
	return m.ending.code, !m.ending.replaced
}

// handle lets e do what the table says.
func (m *machine) handle(e event) {
	from, ctx := m.state, m.jobs.ctx
	edge := &m.table[from][e.kind]
	if edge.impossible {
		m.reportImpossible(e)
	}
	if edge.do != nil {
		m.state = edge.do(m, e)
		m.gateChildren() // before anybody sees the state
		m.gateWatcher()
		if m.d.host.Hooks.Observe != nil {
			m.d.host.Hooks.Observe(host.Observation{
				Kind: host.Handled, Event: e.kind.String(), From: from.String(), To: m.state.String(),
				Edge: m.edgeIndex(from, e.kind),
			})
		}
	}
	if e.signal != nil && len(m.d.set.handlers[HookSignal]) > 0 { // before a teardown begins, which waits for it
		m.handlers.add(func() {
			m.d.tell(ctx, HookInfo{Hook: HookSignal, Signal: e.signal, Iteration: m.d.Iteration()})
		})
	}
	m.tellStopping()
	m.warmUp.begin()
	m.handedOver = m.jobs.begin()
}

// gateChildren lets children be forked as long as the daemon is to go on.
func (m *machine) gateChildren() {
	goesOn := m.ending.plan == plan{} && m.state != stateChecking && m.state != stateStandby && m.state != stateEnded
	switch {
	case goesOn == m.forking:
	case goesOn:
		m.d.children.Accept()
	default:
		m.d.children.Refuse()
	}
	m.forking = goesOn
}

// gateWatcher ends the watcher once the daemon ends by itself: what dies from then on
// has been asked to stop.
func (m *machine) gateWatcher() {
	plan := m.ending.plan
	ends := plan.cause != "" && !plan.restart && !plan.resume || m.state == stateEnded && !m.ending.replaced
	if ends && !m.watcher.over {
		m.watcher.over = true
		m.d.host.Self.Unwatch()
	}
}

// isStopping reports whether the notice is to stand: the daemon leaves its loop
// for the end, for the next program, or to set up again. A restart that is to be
// tried after draining may still be refused.
func (m *machine) isStopping() bool {
	switch m.state {
	case stateDraining:
		return !m.ending.plan.restart || !m.ending.plan.trial
	case stateTearingDown:
		return true
	case stateEnded:
		return !m.ending.replaced
	default:
		return false
	}
}

// tellStopping gives the notice, or takes it back, when an action is over.
func (m *machine) tellStopping() {
	notice := &m.d.stopNotice
	switch stopping := m.isStopping(); {
	case stopping == notice.given: // which this goroutine alone writes
	case stopping:
		notice.give()
		if m.d.set.cancelOnStop && m.jobs.cause == nil {
			m.jobs.interrupt(ErrStopping)
		}
	default:
		notice.takeBack()
	}
}

// reportImpossible logs an event that cannot come. The daemon goes on as if it
// had not; a harness fails.
func (m *machine) reportImpossible(e event) {
	m.d.Logf("Error: the event %q came in the state %q, which is a defect of Evertick: please report it", e.kind, m.state)
	m.d.observe(host.Observation{
		Kind: host.Handled, Event: e.kind.String(), From: m.state.String(), To: m.state.String(), Edge: -1,
	})
}

// edgeIndex returns the place in Lifecycle of the move to the present state;
// -1 for one that the table does not have.
func (m *machine) edgeIndex(from state, kind eventKind) int {
	for i, to := range m.table[from][kind].to {
		if to == m.state {
			return m.edges[from][kind] + i
		}
	}
	return -1
}

// nextEvent waits for the event that goes first. Deadlines that have passed
// take their place among the others.
func (m *machine) nextEvent() (e event, alive bool) {
	for {
		if m.d.host.Hooks.Checkpoint != nil && !m.d.host.Hooks.Checkpoint() {
			return event{}, false
		}
		if m.watchdog.every > 0 {
			m.watch()
		}
		if m.handedOver {
			m.handedOver = false
			if m.d.queue.yield() {
				continue
			}
		}
		var next time.Time
		next, m.now = m.timers.expire(m.d.queue.add)
		e, ok := m.d.queue.take()
		switch {
		case !ok:
			m.timers.wait(m.d.queue.wake, next, m.now)
		case !e.kind.isReturn() || m.jobs.returned(e):
			return e, true
		}
	}
}

// isReturn reports whether the event is the return of a job.
func (k eventKind) isReturn() bool {
	switch k {
	case checked, leased, setUp, executed, tornDown:
		return true
	default:
		return false
	}
}

// setTimeout sets a deadline a while from now. An event of an earlier one of
// its kind that waits no longer counts.
func (m *machine) setTimeout(d deadline, after time.Duration) {
	m.d.queue.drop(deadlineEvents[d].kind)
	m.timers.setAfter(d, after)
}

// clearTimeout clears a deadline, and forgets its event if that waits already.
func (m *machine) clearTimeout(d deadline) {
	m.d.queue.drop(deadlineEvents[d].kind)
	m.timers.clear(d)
}

// force gives up waiting: it logs what every goroutine is doing and cancels
// the contexts.
func (m *machine) force(why string) {
	m.ending.forced = true
	m.d.Logf("Forced: %s\n%s", why, stacks())
	m.jobs.interrupt(fmt.Errorf("forced: %s", why))
}

// dispose ends the goroutines that belong to the machine, whichever way run was
// left.
func (m *machine) dispose() {
	m.timers.stop()
	if m.unwatchWall != nil {
		m.unwatchWall()
	}
	m.trial.abort()
	m.d.host.Signals.Quiesce()
	m.lease.stop()
	m.handlers.close()
	m.d.alerts.Close()
	if m.ending.endTeardown != nil {
		m.ending.endTeardown()
	}
	m.d.killChildren()
	m.jobs.close()
}

// watch gives the supervisor a sign of progress, when it is due.
func (m *machine) watch() {
	now := m.d.host.Clock.Now()
	due, next := m.watchdog.isDue(now)
	if due && m.progresses(now) {
		s := m.d.Stats()
		m.d.notify(fmt.Sprintf("WATCHDOG=1\nSTATUS=%s, iteration %d, mean duration %s, %d overruns, %d failures",
			m.state, m.d.Iteration(), s.Mean.Round(time.Microsecond), s.Overruns, s.Failures))
	}
	m.timers.set(watchdogAt, next)
}

// progresses reports whether no Execute hangs.
func (m *machine) progresses(now time.Time) bool {
	started, running := m.d.counters.startOfRunning()
	return m.state != stateExecuting || !running ||
		now.Sub(started) <= m.watchdog.limit(m.d.Interval(), m.d.set.iterationTimeout)
}

// terminal reports whether the daemon runs in the foreground of a terminal.
func (m *machine) terminal() bool {
	return !m.d.Detached() && m.d.host.Terminal != nil && m.d.host.Terminal()
}
