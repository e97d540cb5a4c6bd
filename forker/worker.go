package forker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// workerState is what a worker is doing.
type workerState int

const (
	workerStarting workerState = iota
	workerIdle
	workerBusy
	workerAborted // its call was given up, or could not be sent: it is being ended
	workerLeaving // it was told to finish, or has said that it leaves
	workerEnded
)

// String returns what the dump says of a worker without a call.
func (s workerState) String() string {
	return [...]string{"starting", "idle", "busy", "aborted", "leaving", "ended"}[s]
}

// worker is a worker as its pool sees it. The live pool's mutex guards it.
type worker struct {
	live     *livePool
	child    *child
	state    workerState
	call     *call // that it has, also while it is sent
	calls    int   // that it has answered
	readyAt  time.Time
	wasReady bool
	left     bool // it has said that it leaves
	retired  bool // to finish when it has answered its call, or is ready
	expected bool // its end is no crash
	resident int  // the message goroutine's own
}

// pid returns the worker's number; 0 in this process. It was started.
func (w *worker) pid() int { return w.child.process.PID() }

// receive takes what the worker says, but lines and alerts.
func (w *worker) receive(m Message) {
	switch m.Kind {
	case Ready:
		w.ready()
	case Resident:
		w.resident = m.Size
	case Leaving:
		w.leave()
	default:
		w.answer(m)
	}
}

// ready makes a worker that was set up take calls.
func (w *worker) ready() {
	w.child.setLimit(NoTimeout)
	live := w.live
	live.mu.Lock()
	w.wasReady, w.readyAt = true, live.group.clock().Now()
	w.state = workerIdle
	if w.retired {
		w.finish()
	}
	live.proceed()
}

// leave notes that a worker runs no further call, so that one which was sent
// goes to another.
func (w *worker) leave() {
	w.child.setLimit(w.live.pool.config.Timeout)
	live := w.live
	live.mu.Lock()
	w.left = true
	if w.state != workerAborted {
		w.state, w.expected = workerLeaving, true
	}
	if c := w.call; c != nil {
		w.call = nil
		live.requeue(c)
	}
	live.proceed()
}

// answer ends the call that the worker has. Where it has none, the message says
// how its set-up or its teardown went.
func (w *worker) answer(m Message) {
	live := w.live
	live.mu.Lock()
	c := w.call
	if c == nil {
		live.mu.Unlock()
		if !w.wasReady || w.left { // else the call was given up
			w.child.outcome = m
		}
		return
	}
	w.call = nil
	w.calls++
	live.failures = 0
	c.end(outcomeOf(m))
	reason := live.recycling(w, m)
	w.state = workerIdle
	if reason != "" {
		live.recycles++
	}
	if w.retired || reason != "" {
		w.finish()
	}
	live.proceed()
	if g := live.group; reason != "" && g.OnRecycle != nil {
		g.OnRecycle(g.infoOf(w.child), reason)
	}
}

// finish tells a worker without a call to end; the live pool's mutex is held.
func (w *worker) finish() {
	w.state, w.expected = workerLeaving, true
	go func() {
		w.child.setLimit(w.live.pool.config.Timeout)
		if w.child.process.Send(context.Background(), Message{Kind: Finish}) != nil {
			w.child.setLimit(0)
		}
	}()
}

// drain tells a worker to end after the call that it has.
func (w *worker) drain() {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	w.retired, w.expected = true, true
	if w.state == workerIdle {
		w.finish()
	}
}

// deliver sends the worker the call that it was given.
func (w *worker) deliver(c *call) {
	err := w.child.process.Send(c.ctx, Message{Kind: Called, Text: c.method, Data: c.input})
	live := w.live
	live.mu.Lock()
	switch {
	case w.call != c: // it was answered, or given up
		live.mu.Unlock()
	case err != nil: // it never gets this call, nor a later one
		w.call = nil
		if w.state == workerBusy {
			w.state = workerAborted
		}
		live.requeue(c)
		live.proceed()
		w.child.setLimit(0)
	case w.state == workerEnded:
		w.lose(errors.New("it ended"))
		live.proceed()
	default:
		c.sent = true
		live.mu.Unlock()
	}
}

// ended is called when the worker's process was reaped, err says how it ended.
func (w *worker) ended(err error) {
	live := w.live
	live.mu.Lock()
	w.state = workerEnded
	if w.call != nil && w.call.sent { // else deliver decides
		w.lose(err)
	}
	live.mu.Unlock()
}

// conclude returns how the worker's end is to be told: err is what a task's would
// be.
func (w *worker) conclude(err error) error {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	switch {
	case err == nil:
		return nil
	case w.state == workerAborted && w.expected:
		return fmt.Errorf("%w: its call was given up", ErrKilled)
	case !w.wasReady:
		return fmt.Errorf("its set-up: %w", err)
	case w.left:
		return fmt.Errorf("its teardown: %w", err)
	}
	return err
}

// wasEverReady reports whether the worker was set up.
func (w *worker) wasEverReady() bool {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	return w.wasReady
}

// doing says what the worker does, for people.
func (w *worker) doing() string {
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	if w.call != nil {
		return w.call.method
	}
	return w.state.String()
}

// lose ends the call of a worker that died, or has it run once more; the live
// pool's mutex is held.
func (w *worker) lose(err error) {
	c := w.call
	w.call = nil
	if c.retried < w.live.pool.config.Retries && !w.live.stopped {
		c.retried++
		w.live.retried++
		w.live.requeue(c)
		return
	}
	c.end(nil, &CallError{PID: w.pid(), MayHaveRun: true, Err: fmt.Errorf("%w: %w", ErrWorkerDied, err)})
}

// outcomeOf returns what a message says of a call.
func outcomeOf(m Message) ([]byte, error) {
	switch m.Kind {
	case Returned:
		return m.Data, nil
	case Failed:
		return nil, &TaskError{m.Text}
	case Panicked:
		return nil, &PanicError{m.Text, m.Stack}
	case TooLarge:
		return nil, &SizeError{"result", m.Size, m.Limit}
	default:
		return nil, errors.New(m.Text)
	}
}

// inProcess is a worker that is a goroutine of this process.
type inProcess struct {
	cancel context.CancelCauseFunc
	calls  chan Message
	exit   Exit
	ended  chan struct{}
}

func startInProcess(command Command) *inProcess {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &inProcess{cancel: cancel, calls: make(chan Message, callsAhead), ended: make(chan struct{})}
	go func() {
		p.exit = Perform(ctx, command, p.calls, nil)
		cancel(nil)
		close(p.ended)
	}()
	return p
}

// PID returns 0.
func (*inProcess) PID() int { return 0 }

// Signal cancels the worker's context.
func (p *inProcess) Signal(syscall.Signal) error {
	p.cancel(errTold)
	return nil
}

// Send hands over a message.
func (p *inProcess) Send(ctx context.Context, m Message) error {
	select {
	case p.calls <- m:
		return nil
	case <-p.ended:
		return os.ErrProcessDone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Wait waits for the worker's end.
func (p *inProcess) Wait() Exit {
	<-p.ended
	return p.exit
}
