package core

import (
	"context"
	"sync"
)

// handlerQueue runs the user's functions that must not hold up the loop, such
// as handlers of signals, one after the other.
type handlerQueue struct {
	logf   func(format string, args ...any)
	before func() // called before each function; may be nil
	todo   chan func()
	over   chan struct{}
	end    sync.Once
}

// handlerDepth is how many functions may wait. More than that means that one of
// them hangs; the newest is then dropped and logged.
const handlerDepth = 64

func newHandlerQueue(logf func(format string, args ...any), before func()) *handlerQueue {
	q := &handlerQueue{logf: logf, before: before, todo: make(chan func(), handlerDepth), over: make(chan struct{})}
	go q.run()
	return q
}

// run goes on in a new goroutine when a function has ended this one, which is
// what runtime.Goexit does; guard has logged that.
func (q *handlerQueue) run() {
	returned := true
	defer func() {
		if !returned {
			go q.run()
		}
	}()
	for {
		select {
		case f := <-q.todo:
			returned = false
			if q.before != nil {
				q.before()
			}
			f()
			returned = true
		case <-q.over:
			return
		}
	}
}

// add never blocks.
func (q *handlerQueue) add(f func()) {
	select {
	case q.todo <- f:
	default:
		q.logf("Error: %d signal handlers wait already: one is dropped. Does one of them hang?", handlerDepth)
	}
}

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
func (q *handlerQueue) close() { q.end.Do(func() { close(q.over) }) }
