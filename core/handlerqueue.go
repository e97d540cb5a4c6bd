package core

import (
	"context"
	"sync"
	"sync/atomic"
)

// handlerQueue runs the user's functions that must not hold up the loop, such
// as handlers of signals, one after the other.
type handlerQueue struct {
	logf   func(format string, args ...any)
	before func() // called before each function; may be nil
	todo   chan func()
	ctx    context.Context // ends with the queue
	end    context.CancelFunc

	running  atomic.Bool  // a function runs
	dropping atomic.Bool  // the last one that was to be added was dropped
	alerts   atomic.Int64 // handlers of alerts that wait, or run
	alerting atomic.Bool  // one of them runs
}

// handlerDepth is how many functions may wait. More than that means that one of
// them hangs; the newest is then dropped and logged.
const handlerDepth = 64

func newHandlerQueue(logf func(format string, args ...any), before func()) *handlerQueue {
	q := &handlerQueue{logf: logf, before: before, todo: make(chan func(), handlerDepth)}
	q.ctx, q.end = context.WithCancel(context.Background())
	go q.run()
	return q
}

// run goes on in a new goroutine when a function has ended this one, which is
// what runtime.Goexit does; guard has logged that.
func (q *handlerQueue) run() {
	returned := true
	defer func() {
		if !returned {
			q.running.Store(false)
			go q.run()
		}
	}()
	for {
		select {
		case f := <-q.todo:
			q.running.Store(true)
			returned = false
			if q.before != nil {
				q.before()
			}
			f()
			returned = true
			q.running.Store(false)
		case <-q.ctx.Done():
			return
		}
	}
}

// add never blocks. Of functions that are dropped in a row the first is logged.
func (q *handlerQueue) add(f func()) (added bool) {
	select {
	case q.todo <- f:
		q.dropping.Store(false)
		return true
	default:
		if !q.dropping.Swap(true) {
			q.logf("Error: %d handlers wait already: what comes now is dropped. Does one of them hang?", handlerDepth)
		}
		return false
	}
}

// addAlert adds what an alert calls. While such a function runs, no other one is
// added, as it may alert, too; and a flood of them leaves room for others.
func (q *handlerQueue) addAlert(f func()) {
	if q.alerting.Load() || q.alerts.Load() >= handlerDepth/2 {
		return
	}
	q.alerts.Add(1)
	added := q.add(func() {
		q.alerting.Store(true)
		defer func() { // also where f ends the goroutine
			q.alerting.Store(false)
			q.alerts.Add(-1)
		}()
		f()
	})
	if !added {
		q.alerts.Add(-1)
	}
}

// busy reports whether a function runs or waits.
func (q *handlerQueue) busy() bool { return q.running.Load() || len(q.todo) > 0 }

// drain waits until what was added before has run, or ctx is done.
func (q *handlerQueue) drain(ctx context.Context) {
	done := make(chan struct{})
	select {
	case q.todo <- func() { close(done) }:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// close ends the queue; what still waits does not run. A teardown that was
// abandoned may add to it all the same.
func (q *handlerQueue) close() { q.end() }

// resultQueue holds what is to run in the loop because a call has ended.
type resultQueue struct {
	some    atomic.Bool // there may be some, so that an idle loop takes no mutex
	mu      sync.Mutex
	waiting []func()
}

func (q *resultQueue) add(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, f)
	q.some.Store(true)
}

// take returns the oldest one; nil where there is none.
func (q *resultQueue) take() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.some.Store(false)
		return nil
	}
	f := q.waiting[0]
	q.waiting = q.waiting[1:]
	return f
}
