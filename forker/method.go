package forker

import (
	"context"
	"fmt"
)

// Method is a function that the workers of a pool run. It is made by
// [NewMethod], and safe for concurrent use.
type Method[In, Out any] struct {
	pool *Pool
	name string
	run  func(ctx context.Context, c *Child, in In) (Out, error)
}

// NewMethod adds a function to a pool, under a name that no other method of it
// has. Call it at package level. ctx is done when the worker is told to end
// (SIGTERM); a worker runs one call at a time. In and Out travel as JSON. It
// panics where the name is empty or taken.
func NewMethod[In, Out any](
	pool *Pool, name string, run func(ctx context.Context, c *Child, in In) (Out, error),
) *Method[In, Out] {
	m := &Method[In, Out]{pool, name, run}
	if run == nil {
		panic(fmt.Sprintf("forker: method %q of pool %q has no function", name, pool.name))
	}
	pool.add(name, m)
	return m
}

// Call has a worker run the method, and waits for its end. When ctx is done
// first, the call is given up.
//
// An error is what the method returned (*TaskError) or that it panicked
// (*PanicError); that the argument or the result is too large (*SizeError); or
// a *CallError, which says why there is no answer, and whether the method may
// have run. ErrFull and ErrClosed say that the call was not taken.
func (m *Method[In, Out]) Call(ctx context.Context, group Forker, in In) (Out, error) {
	var out Out
	c, err := m.submit(ctx, group, in)
	if err != nil {
		return out, err
	}
	c.attend(ctx)
	return decoded[Out](c)
}

// Submit has a worker run the method, and returns as soon as the call is in the
// queue; ctx is for the wait for that alone. Its errors are those of a call
// that was not taken.
func (m *Method[In, Out]) Submit(ctx context.Context, group Forker, in In) (*Call[Out], error) {
	c, err := m.submit(ctx, group, in)
	if err != nil {
		return nil, err
	}
	go c.attend(context.Background())
	return &Call[Out]{c}, nil
}

func (m *Method[In, Out]) submit(ctx context.Context, group Forker, in In) (*call, error) {
	g := group.Children()
	live := m.pool.live(g)
	c := newCall(live, m.name)
	err := ErrInChild
	if inherited == nil {
		c.input, err = encodeArgument(in, g.maxBytes())
	}
	if err == nil {
		err = live.enqueue(ctx, c)
	}
	if err != nil {
		return nil, c.explain(err)
	}
	return c, nil
}

func (m *Method[In, Out]) call(ctx context.Context, c *Child, input []byte) ([]byte, error) {
	return callEncoded(ctx, c, m.run, input)
}
