package core

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// A job is something that may take time, or hang, and therefore runs outside
// the event goroutine. Its return is an event.
type job struct {
	kind EventKind // the event that its return is
	id   int
	run  func(ctx context.Context) error // nil: an iteration
	ctx  context.Context
}

// worker is the goroutine that runs the jobs, one after the other: setup, the
// iterations and teardown see one and the same goroutine. One that hangs is
// left behind, and the next job gets a new one.
type worker struct {
	d    *Daemon
	mail *mailbox
	jobs chan job

	// keep says that iterations may follow each other without the event
	// goroutine in between, as interval 0 asks. It takes this back whenever
	// anything else is to happen; an event that goes before the return of an
	// iteration ends the row, too.
	keep atomic.Bool
}

func newWorker(d *Daemon, m *mailbox) *worker {
	w := &worker{d: d, mail: m, jobs: make(chan job, 1)}
	go w.run()
	return w
}

func (w *worker) run() {
	var j job
	returned := true
	defer func() {
		if !returned {
			w.deserted(j)
		}
	}()
	for j = range w.jobs {
		returned = false
		e := w.do(j)
		returned = true
		w.mail.post(e)
	}
}

// errGoexit says why a job has not returned. It is a mistake that is often made
// with t.FailNow or t.Fatal, which may be called by a test's own goroutine only.
var errGoexit = errors.New("runtime.Goexit was called, which ends the goroutine that it is called in")

// deserted makes an error of a job that has ended the goroutine that it was run
// by, and runs the next one in a new goroutine.
func (w *worker) deserted(j job) {
	e := event{kind: j.kind, job: j.id, err: errGoexit}
	if j.run == nil {
		if w.d.set.crashOnPanic {
			return // this may be the panic that ends the process
		}
		if started := w.d.account.started.Load(); started != 0 {
			start := w.d.epoch.Add(time.Duration(started - 1))
			e.took = w.d.finish(j.ctx, w.d.Iteration(), start, errGoexit)
		}
	}
	go w.run()
	w.mail.post(e)
}

func (w *worker) do(j job) event {
	e := event{kind: j.kind, job: j.id}
	if j.run != nil {
		e.err = recovered(func() error { return j.run(j.ctx) })
		return e
	}
	for {
		e.took, e.err = w.d.iterate(j.ctx)
		if e.err != nil || !w.keep.Load() || w.mail.before(Executed) {
			return e
		}
	}
}

// iterate runs one iteration and keeps its account.
func (d *Daemon) iterate(ctx context.Context) (time.Duration, error) {
	start := d.host.Clock.Now()
	n := d.account.iteration.Add(1)
	d.account.started.Store(int64(start.Sub(d.epoch)) + 1)
	if d.host.Observe != nil {
		d.host.Observe(Observation{Kind: ObserveBegin, Iteration: n})
	}
	if len(d.set.handlers) > 0 {
		d.tell(ctx, HookInfo{Hook: HookPreExecute, Iteration: n})
	}
	err := d.execute(ctx)
	return d.finish(ctx, n, start, err), err
}

// finish closes the account of an iteration.
func (d *Daemon) finish(ctx context.Context, n int64, start time.Time, err error) time.Duration {
	took := d.host.Clock.Now().Sub(start)
	d.account.started.Store(0)
	d.account.ended(took)
	if err != nil {
		d.account.count(&d.account.failures, 1)
	}
	if d.host.Observe != nil {
		d.host.Observe(Observation{Kind: ObserveEnd, Iteration: n, Took: took, Err: err})
	}
	if len(d.set.handlers) > 0 {
		d.tellEnd(ctx, n, took, err)
	}
	return took
}

func (d *Daemon) tellEnd(ctx context.Context, n int64, took time.Duration, err error) {
	m := HookInfo{Iteration: n, Took: took, Err: err}
	if err != nil {
		m.Hook = HookError
		d.tell(ctx, m)
	}
	m.Hook = HookPostExecute
	d.tell(ctx, m)
	if m.Left = d.set.interval; d.set.paced&pacedAfter == 0 {
		m.Left -= took
	}
	if m.Left > 0 {
		m.Hook = HookIdle
		d.tell(ctx, m)
	}
}

// execute calls the user's function without a closure, because at interval 0
// even that would show.
func (d *Daemon) execute(ctx context.Context) (err error) {
	if !d.set.crashOnPanic {
		defer catch(&err)
	}
	return d.set.execute[0](ctx, d)
}

// PanicError is a panic that was caught, with the stack where it happened.
type PanicError struct {
	// Value is what panic was called with.
	Value any

	// Stack is the goroutine's stack, as debug.Stack prints it.
	Stack []byte
}

// Error is the panic's value.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap is the panic's value, if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// fatal is what Daemon.Fatalf panics with to leave Execute.
type fatal struct{ err error }

func catch(err *error) {
	switch v := recover().(type) {
	case nil:
	case fatal:
		*err = v.err
	default:
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// recovered runs f and makes an error of a panic.
func recovered(f func() error) (err error) {
	defer catch(&err)
	return f()
}

// describe is an error in words, a panic with its stack.
func describe(err error) string {
	var p *PanicError
	if errors.As(err, &p) {
		return err.Error() + "\n" + strings.TrimSpace(string(p.Stack))
	}
	return err.Error()
}
