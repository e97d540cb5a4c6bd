package forker

import (
	"context"
)

// serve is a worker's life: set-up, one call after the other, teardown. It
// returns the last outcome.
func (p *Pool) serve(ctx context.Context, c *Child, maxBytes int, calls <-chan Message) Message {
	if outcome := p.step(ctx, c, p.config.Setup); outcome.Kind != Returned {
		return outcome
	}
	c.send(Message{Kind: Ready})
	p.answerAll(ctx, c, maxBytes, calls)
	c.send(Message{Kind: Leaving})
	return p.step(ctx, c, p.config.Teardown)
}

// answerAll runs calls until the worker is to end.
func (p *Pool) answerAll(ctx context.Context, c *Child, maxBytes int, calls <-chan Message) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case m := <-calls:
			if m.Kind == Finish {
				return
			}
			if ctx.Err() == nil { // else both were ready
				p.answer(ctx, c, maxBytes, m)
			}
		}
	}
}

// step runs the set-up or the teardown.
func (p *Pool) step(ctx context.Context, c *Child, f func(ctx context.Context, c *Child) error) Message {
	if f == nil {
		return Message{Kind: Returned}
	}
	return guarded(func() ([]byte, error) { return nil, f(ctx, c) })
}

// answer runs a call.
func (p *Pool) answer(ctx context.Context, c *Child, maxBytes int, m Message) {
	if c.instead != nil {
		if outcome, done := c.instead(ctx, m); done {
			c.send(bounded(maxBytes, outcome))
			return
		}
	}
	method := p.method(m.Text)
	if method == nil {
		c.send(Message{Kind: Refused, Text: "it is not registered in the worker: call forker.NewMethod at package level"})
		return
	}
	outcome := bounded(maxBytes, guarded(func() ([]byte, error) { return method.call(ctx, c, m.Data) }))
	if c.resident != nil && p.config.RecycleMemory > 0 {
		c.send(Message{Kind: Resident, Size: c.resident()})
	}
	c.send(outcome)
}
