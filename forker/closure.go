package forker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"syscall"
)

// Go runs f in a goroutine of this process, within the same limits as the
// children: it counts as one of them, is listed with the PID 0 under f's name,
// and waits or is refused as they are. Its error, or its panic, reaches
// OnFailure. f should return when ctx is done: at its time-out, and when Stop
// is called, which leaves behind what has not returned at its limit. OnFork and
// OnReap are not told.
//
// The options [Nice], [Memory], [Dir], [Env], [WithSetup] and [OutliveRestart]
// need a process and are refused.
func (g *Group) Go(f func(ctx context.Context) error, options ...Option) error {
	if f == nil {
		return errors.New("forker: run a function: it is nil")
	}
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	s, err := g.settings(options)
	var own settings
	for _, o := range options {
		o.apply(&own)
	}
	if err == nil && own.needsProcess() {
		err = errors.New("Nice, Memory, Dir, Env, WithSetup and OutliveRestart need a process: make it a task")
	}
	if err == nil {
		c := newChild(name, nil, s)
		c.closure = f
		err = g.fork(c)
	}
	if err != nil {
		return fmt.Errorf("forker: run function %s: %w", name, err)
	}
	return nil
}

// closure is a function that runs in this process. It looks like a child that
// SIGTERM asks to end and that nothing can kill.
type closure struct {
	cancel  context.CancelCauseFunc
	outcome <-chan Message
	message func(Message)
}

var errTold = errors.New("told to end")

func startClosure(f func(ctx context.Context) error, message func(Message)) *closure {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &closure{cancel, begin(func() ([]byte, error) { return nil, f(ctx) }), message}
}

// PID returns 0.
func (*closure) PID() int { return 0 }

// Signal cancels the function's context.
func (c *closure) Signal(syscall.Signal) error {
	c.cancel(errTold)
	return nil
}

// Send returns an error: a function gets no messages.
func (*closure) Send(context.Context, Message) error {
	return errors.New("a function that runs in this process gets no messages")
}

// Wait waits until the function has returned.
func (c *closure) Wait() Exit {
	m := <-c.outcome
	c.message(m)
	c.cancel(nil)
	return Exit{}
}
