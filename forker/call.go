package forker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// CallState is what has become of a call.
type CallState int

const (
	// CallQueued is a call that waits for a worker.
	CallQueued CallState = iota

	// CallRunning is a call that a worker has.
	CallRunning

	// CallEnded is a call that has a result or an error.
	CallEnded
)

// String returns the state's name in lower case.
func (s CallState) String() string { return [...]string{"queued", "running", "ended"}[s] }

// Call is a call as its Submit sees it. It is safe for concurrent use.
type Call[Out any] struct{ call *call }

// Wait returns the method's result when the call has ended; the errors are
// those of Method.Call. It returns ctx's cause when ctx is done first; the call
// then goes on.
func (c *Call[Out]) Wait(ctx context.Context) (Out, error) {
	select {
	case <-c.call.done:
	case <-ctx.Done():
		if !closed(c.call.done) {
			var none Out
			return none, context.Cause(ctx)
		}
	}
	return decoded[Out](c.call)
}

// Done returns a channel that is closed when the call has ended.
func (c *Call[Out]) Done() <-chan struct{} { return c.call.done }

// State returns what has become of the call.
func (c *Call[Out]) State() CallState {
	c.call.live.mu.Lock()
	defer c.call.live.mu.Unlock()
	return c.call.state
}

// Cancel ends the call with ErrCanceled, unless it has ended. A worker that
// runs it is ended, too. It returns at once.
func (c *Call[Out]) Cancel() { c.call.giveUp(ErrCanceled) }

// Then has f called once with what Wait returns, after the call has ended: by
// Group.Deliver, which a daemon does in its loop, right before the next
// Execute. It returns at once.
func (c *Call[Out]) Then(f func(out Out, err error)) {
	c.call.then(func() { f(decoded[Out](c.call)) })
}

// call is a call of any type.
type call struct {
	live   *livePool
	method string
	input  []byte
	ctx    context.Context // done at the end; ends a Send
	cancel context.CancelFunc
	done   chan struct{} // closed at the end, when result and err are set
	result []byte
	err    error

	// The live pool's mutex guards the rest.
	state    CallState
	worker   *worker // that has it, also while it is sent
	sent     bool    // the worker can read it
	retried  int
	queuedAt time.Time
	handlers []func()
}

func newCall(live *livePool, method string) *call {
	c := &call{live: live, method: method, done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// explain says which call an error is about.
func (c *call) explain(err error) error {
	return fmt.Errorf("forker: call %s of pool %s: %w", c.method, c.live.pool.name, err)
}

// decoded returns the result of a call that has ended.
func decoded[Out any](c *call) (Out, error) {
	var out Out
	if c.err != nil {
		return out, c.explain(c.err)
	}
	if err := json.Unmarshal(c.result, &out); err != nil {
		return out, c.explain(fmt.Errorf("its result (%T) cannot be decoded: %w", out, err))
	}
	return out, nil
}

// attend waits for the end of a call, and gives it up when it is due.
func (c *call) attend(ctx context.Context) {
	timeout := c.live.pool.config.Timeout
	timer := c.live.group.newTimer(timeout)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.giveUp(context.Cause(ctx))
	case <-timer.C():
		c.giveUp(fmt.Errorf("it has no answer within %v: %w", timeout, context.DeadlineExceeded))
	}
	<-c.done
}

// then has f delivered when the call has ended.
func (c *call) then(f func()) {
	c.live.mu.Lock()
	defer c.live.mu.Unlock()
	if c.state == CallEnded {
		c.live.group.deliver(f)
		return
	}
	c.handlers = append(c.handlers, f)
}

// end ends a call that has not ended; the live pool's mutex is held.
func (c *call) end(result []byte, err error) {
	c.state, c.worker, c.result, c.err = CallEnded, nil, result, err
	c.live.count(c)
	c.cancel()
	close(c.done)
	for _, f := range c.handlers {
		c.live.group.deliver(f)
	}
}

// giveUp ends a call without an answer, and with it the worker that has it.
func (c *call) giveUp(why error) {
	live := c.live
	live.mu.Lock()
	w := c.worker
	switch {
	case c.state == CallEnded:
	case w == nil:
		live.unqueue(c)
		c.end(nil, &CallError{Err: why, note: live.note()})
	default:
		w.call, w.state, w.expected = nil, workerAborted, true
		c.end(nil, &CallError{PID: w.pid(), MayHaveRun: true, Err: why})
		live.mu.Unlock()
		w.child.setLimit(0)
		return
	}
	live.mu.Unlock()
}
