package core

import (
	"context"
	"sync/atomic"
	"time"
)

// A job is something that may take time, or hang, and therefore runs outside
// the event goroutine. Its return is an event.
type job struct {
	kind eventKind // the event that its return is
	id   int
	run  func(ctx context.Context) error // nil: an iteration
	ctx  context.Context

	before func()      // what precedes an iteration; nil: nothing
	again  func() bool // whether another iteration may follow at once; nil: it may
}

// iteration runs the loop's own jobs.
type iteration interface {
	// iterate runs one iteration that starts now, and returns when it ended and
	// what it took.
	iterate(ctx context.Context, now time.Time) (end time.Time, took time.Duration, err error)

	// now returns when an iteration that follows one without a pause starts.
	now() time.Time

	// goexit ends the account of an iteration that has ended its goroutine. A
	// hook may end the one that calls it, too.
	goexit(ctx context.Context)

	// outcome returns what the latest iteration took, and its error.
	outcome() (took time.Duration, err error)
}

// iterationMaker makes the iteration of a worker. Once abandoned is true,
// nothing of it may have an effect any more.
type iterationMaker = func(abandoned *atomic.Bool) iteration

// worker is the goroutine that runs the jobs, one after the other: setup, the
// iterations and teardown see one and the same goroutine. One that hangs is
// abandoned, and the next job gets a new one.
type worker struct {
	iteration iteration
	queue     *eventQueue
	jobs      chan job
	abandoned atomic.Bool // what it still does has no effect
	succeeded bool        // an iteration of the job that runs, before the latest

	// repeat says that iterations may follow each other without the event
	// goroutine in between, as interval 0 asks. The event goroutine takes this
	// back whenever anything else is to happen; an event that goes before the
	// return of an iteration ends the row, too.
	repeat atomic.Bool
}

func newWorker(newIteration iterationMaker, q *eventQueue) *worker {
	w := &worker{queue: q, jobs: make(chan job, 1)}
	w.iteration = newIteration(&w.abandoned)
	go w.run()
	return w
}

func (w *worker) run() {
	var j job
	returned := true
	defer func() {
		if v := recover(); v != nil {
			panic(v) // as CrashOnPanic asks
		}
		if !returned {
			w.goexit(j)
		}
	}()
	for j = range w.jobs {
		returned = false
		e := w.do(j)
		returned = true
		w.queue.post(e)
	}
}

// goexit makes an error of a job that has ended the goroutine that it was run
// by, and runs the next one in a new goroutine.
func (w *worker) goexit(j job) {
	e := event{kind: j.kind, job: j.id, err: errGoexit}
	defer func() {
		if j.run == nil {
			e.succeeded = w.succeeded
			e.took, e.err = w.iteration.outcome()
		}
		go w.run()
		w.queue.post(e)
	}()
	if j.run == nil {
		w.iteration.goexit(j.ctx)
	}
}

func (w *worker) do(j job) event {
	e := event{kind: j.kind, job: j.id}
	if j.run != nil {
		e.err = recovered(func() error { return j.run(j.ctx) })
		return e
	}
	w.succeeded = false
	if j.before != nil {
		j.before()
	}
	now := w.iteration.now()
	for {
		now, e.took, e.err = w.iteration.iterate(j.ctx, now)
		if e.err != nil || !w.repeat.Load() || w.queue.before(executed) || j.again != nil && !j.again() {
			e.succeeded = w.succeeded
			return e
		}
		w.succeeded = true
	}
}

// jobs is the worker with the job that counts, and the context that jobs run
// under. Only the event goroutine uses it.
type jobs struct {
	newIteration iterationMaker
	queue        *eventQueue
	worker       *worker

	current int  // the job that counts; the return of an older one is dropped
	running bool // it has not returned yet
	todo    job  // what begin hands to the worker
	waiting bool // todo waits for begin

	hung map[int]bool // setups and iterations that were abandoned and have not returned

	ctx         context.Context // of checks, setup and iterations
	cancel      context.CancelCauseFunc
	cause       error // not nil: why begin cancels ctx
	interrupted bool  // ctx was cancelled since the latest setup
}

func newJobs(newIteration iterationMaker, q *eventQueue) *jobs {
	j := &jobs{newIteration: newIteration, queue: q, worker: newWorker(newIteration, q), hung: map[int]bool{}}
	j.renewContext()
	return j
}

func (j *jobs) renewContext() {
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
}

// start sets the job that counts from now on, whose return is an event of
// kind. It runs from begin on.
func (j *jobs) start(kind eventKind, ctx context.Context, run func(context.Context) error) {
	j.current++
	j.running, j.waiting = true, true
	if kind == setUp {
		j.interrupted = false
	}
	j.todo = job{kind: kind, id: j.current, run: run, ctx: ctx}
}

// interrupt lets begin cancel the context of what runs.
func (j *jobs) interrupt(cause error) { j.cause = cause }

// begin carries out what start and interrupt have asked for. The event
// goroutine calls it when an action is over, so that all that the action
// itself does comes first. It reports whether the worker has a job now.
func (j *jobs) begin() bool {
	if j.cause != nil {
		j.cancel(j.cause)
		j.cause, j.interrupted = nil, true
	}
	if !j.waiting {
		return false
	}
	j.waiting = false
	j.worker.jobs <- j.todo
	return true
}

// returned reports whether e is the return of the job that counts.
func (j *jobs) returned(e event) bool {
	if e.job != j.current {
		delete(j.hung, e.job)
		return false
	}
	j.running = false
	return true
}

// repeat says whether iterations may follow each other without the event
// goroutine in between.
func (j *jobs) repeat(yes bool) { j.worker.repeat.Store(yes) }

// abandon leaves a job that hangs behind, with its goroutine, and gets a new
// worker for those that follow.
func (j *jobs) abandon() {
	if kind := j.todo.kind; kind == executed || kind == setUp {
		j.hung[j.current] = true
	}
	j.current++
	j.running = false
	j.worker.abandoned.Store(true)
	close(j.worker.jobs)
	j.worker = newWorker(j.newIteration, j.queue)
}

// mayStillRun reports whether an abandoned setup or iteration may still be
// running: then no other one may start in this process.
func (j *jobs) mayStillRun() bool { return len(j.hung) > 0 }

// mayExecute reports whether a setup or an iteration runs, or may still run.
func (j *jobs) mayExecute() bool {
	kind := j.todo.kind
	return j.mayStillRun() || j.running && (kind == executed || kind == setUp)
}

// close ends the worker when what it runs has returned.
func (j *jobs) close() {
	j.cancel(context.Canceled)
	close(j.worker.jobs)
}
