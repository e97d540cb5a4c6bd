package core

import (
	"math/bits"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/forker/reexec"
)

// An eventKind is what can happen to a daemon. The kinds stand in the order of
// their precedence: where several events are ready at once, the first of them
// goes first, and among equals the older one.
type eventKind int

const (
	// stopAsked: SIGINT, SIGTERM, Daemon.Stop, or the context of Run is done.
	stopAsked eventKind = iota

	// timeIsUp: the time-out for draining or tearing down has passed.
	timeIsUp

	// leaseLost: the lock is no longer ours, or may soon not be.
	leaseLost

	// iterationTimedOut: an iteration has run for longer than its time-out.
	iterationTimedOut

	// checked: the environment checks have returned.
	checked

	// leased: an attempt to take the lock has returned.
	leased

	// warmedUp: the functions of WarmUp have returned.
	warmedUp

	// setUp: log, PID file, plugins and Setup have returned.
	setUp

	// executed: an iteration has returned.
	executed

	// tornDown: teardown has returned.
	tornDown

	// trialPassed: the program that is to follow has said that it would start.
	trialPassed

	// trialRefused: it has not, or said no.
	trialRefused

	// restartAsked: SIGHUP, Daemon.Restart, the restart interval, or too much
	// memory.
	restartAsked

	// signalCame: SIGUSR1, or a signal that the user listens for.
	signalCame

	// watcherChanged: a watcher of this process has been started or could not be, has
	// ended, or is to be started again.
	watcherChanged

	// housekeeping: time to look after PID file and memory.
	housekeeping

	// backedOff: the pause after a fatal error, or between two attempts at a
	// held lock, is over.
	backedOff

	// woken: SIGCONT; with a schedule of the user's the wall clock was set, too.
	woken

	// overdue: an iteration still runs although its interval is over.
	overdue

	// tickDue: the next tick's instant has come.
	tickDue

	numEvents
)

// String returns the event's name as it stands in traces and pictures.
func (k eventKind) String() string {
	return eventNames[k]
}

var eventNames = [numEvents]string{
	"stop", "time is up", "lease lost", "iteration timed out", "checked", "leased", "warmed up",
	"set up", "executed", "torn down", "trial passed", "trial refused",
	"restart asked", "signal", "watcher", "housekeeping", "backed off", "woken", "overdue", "tick",
}

// job returns what the job is called whose return the event is.
func (k eventKind) job() string {
	switch k {
	case checked:
		return "the check of the environment"
	case leased:
		return "the lock"
	case setUp:
		return "Setup"
	case tornDown:
		return "teardown"
	default:
		return "Execute"
	}
}

// An event is one thing that happened. Which fields count depends on the kind.
type event struct {
	kind   eventKind
	cause  string    // in words, for the log: why a stop or a restart
	err    error     // checked, leased, setUp, executed, tornDown, trialRefused
	signal os.Signal // signalCame, stopAsked, restartAsked, woken
	at     time.Time // when the signal came
	took   time.Duration

	watcher   *reexec.Watching // watcherChanged: it is there; a pointer, because a longer event would be allocated
	version   string           // trialPassed: what was tried
	succeeded bool             // executed: an iteration before this one succeeded, without an event of its own
	job       int              // which job has returned: see jobs
}

// mergeable reports whether e says nothing that last has not said.
func (e event) mergeable(last event) bool {
	switch e.kind {
	case restartAsked, woken, overdue, tickDue, housekeeping, leaseLost:
		return true
	case signalCame:
		return e.signal == last.signal
	default:
		return false
	}
}

// eventQueue is the one stream of events. Any goroutine may post; one takes.
// Events are taken by their precedence, then by age.
type eventQueue struct {
	mu     sync.Mutex // held for instants only
	queues [numEvents][]event
	ready  atomic.Uint32 // bit k: queues[k] is not empty; written with mu held
	wake   chan struct{}
}

func newEventQueue() *eventQueue { return &eventQueue{wake: make(chan struct{}, 1)} }

// post adds an event and wakes the goroutine that takes. It never blocks.
func (q *eventQueue) post(e event) {
	q.add(e)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// add is post for the goroutine that takes, which needs no waking. Events of a
// kind that says the same however often it is said are merged, so that a storm
// of signals takes no memory.
func (q *eventQueue) add(e event) {
	q.mu.Lock()
	waiting := &q.queues[e.kind]
	if len(*waiting) == 0 || !e.mergeable((*waiting)[len(*waiting)-1]) {
		*waiting = append(*waiting, e)
		q.ready.Or(1 << e.kind)
	}
	q.mu.Unlock()
}

// yield lets other goroutines run, and reports whether one of them has posted: where
// a job returns at once, that costs less than to wait for it. It does nothing while an
// event waits.
func (q *eventQueue) yield() bool {
	if q.ready.Load() != 0 {
		return false
	}
	runtime.Gosched()
	select {
	case <-q.wake:
		return true
	default:
		return false
	}
}

// take returns the event that goes first, if there is one.
func (q *eventQueue) take() (event, bool) {
	if q.ready.Load() == 0 { // what is posted from now on wakes
		return event{}, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	k := bits.TrailingZeros32(q.ready.Load())
	waiting := q.queues[k]
	e := waiting[0]
	copy(waiting, waiting[1:])
	waiting[len(waiting)-1] = event{}
	q.queues[k] = waiting[:len(waiting)-1]
	if len(q.queues[k]) == 0 {
		q.ready.And(^uint32(1 << k))
	}
	return e, true
}

// before reports whether an event waits that goes before those of kind k.
func (q *eventQueue) before(k eventKind) bool { return q.ready.Load()&(1<<k-1) != 0 }

// drop forgets the events of kind k that wait, and reports whether there were
// any.
func (q *eventQueue) drop(k eventKind) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	had := len(q.queues[k]) > 0
	clear(q.queues[k])
	q.queues[k] = q.queues[k][:0]
	q.ready.And(^uint32(1 << k))
	return had
}
