package memcache

import (
	"context"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// limited is a call's context with the client's time-out. That is looked at only
// when an attempt has failed or has to be bounded, so that a call that is answered at
// once costs one timer and not two.
type limited struct {
	context.Context
	clock clockwork.Clock
	ends  time.Time // a reading of Now
}

// limit bounds a call, within the bounds of the one that it is a part of.
func (c *Client) limit(ctx context.Context) context.Context {
	if c.options.Timeout < 0 {
		return ctx
	}
	ends := c.options.Clock.Now().Add(c.options.Timeout)
	if outer, ok := ctx.(limited); ok && outer.ends.Before(ends) {
		return ctx
	}
	return limited{ctx, c.options.Clock, ends}
}

// left returns how long a call may go on, at most d; a negative d is no limit.
func left(ctx context.Context, d time.Duration) time.Duration {
	l, ok := ctx.(limited)
	if !ok {
		return d
	}
	rest := max(l.ends.Sub(l.clock.Now()), 0)
	if d < 0 {
		return rest
	}
	return min(d, rest)
}

// ended returns why a call may not go on; nil while it may.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if left(ctx, -1) == 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// pause waits for d, or until a call may not go on, and then returns why.
func (c *Client) pause(ctx context.Context, d time.Duration) error {
	_ = clockwork.Sleep(ctx, c.options.Clock, left(ctx, d))
	return ended(ctx)
}
