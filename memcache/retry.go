package memcache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// The pauses between attempts grow from the first to the second.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

// call is one command to the server of its key.
type call struct {
	op  string
	key string

	// once tries it. lost says that an earlier attempt may have been carried
	// out. It returns nil, an error of this package, which ends the call, or a
	// *failure.
	once func(l *link, lost bool) error

	// until is the number of connections of which one is preferred; 0: any.
	until uint64

	// once says what a lost answer leaves open, so that it cannot just be sent again.
	ambiguous bool
}

// do tries a call until it is answered or the context ends.
func (c *Client) do(ctx context.Context, do call) error {
	if c.refused != nil {
		return &Error{Op: do.op, Key: do.key, Err: c.refused}
	}
	p := c.pool(do.key)
	var lost bool
	var told error // what an attempt met that was not cut off by the end of the call
	for n, pause := 1, 0; ; n++ {
		err := c.attempt(ctx, p, do, lost)
		var f *failure
		if !errors.As(err, &f) {
			if err != nil {
				err = &Error{Op: do.op, Key: do.key, Server: p.address, Attempts: n, Err: err}
			}
			return err
		}
		lost = lost || f.lost
		over := ended(ctx)
		if over == nil || !errors.Is(f.err, over) || told == nil {
			told = f.err
		}
		if over == nil && f.old {
			// The server may have restarted: what was open before is of no use.
			p.clear()
			continue
		}
		if over == nil {
			over = c.pause(ctx, clockwork.Backoff(firstPause, maxPause, pause, c.options.Name, do.key))
			pause++
		}
		if over != nil {
			return &Error{Op: do.op, Key: do.key, Server: p.address, Attempts: n, Err: gaveUp(over, told, lost && do.ambiguous)}
		}
	}
}

// gaveUp says why a call has ended without an answer.
func gaveUp(cause, last error, ambiguous bool) error {
	err := fmt.Errorf("%w; gave up: %w", last, cause)
	if errors.Is(last, cause) {
		err = fmt.Errorf("no answer: %w", cause)
	}
	if ambiguous {
		err = fmt.Errorf("%w: %w", ErrAmbiguous, err)
	}
	return err
}

// attempt tries a call once.
func (c *Client) attempt(ctx context.Context, p *pool, do call, lost bool) error {
	if err := ended(ctx); err != nil {
		return &failure{err: err}
	}
	bounded := ctx
	if d := left(ctx, c.options.AttemptTimeout); d >= 0 {
		var cancel context.CancelFunc
		bounded, cancel = clockwork.WithTimeout(ctx, c.options.Clock, d)
		defer cancel()
	}
	l, err := p.take(bounded, do.until)
	if err != nil {
		return c.timed(ctx, bounded, &failure{err: err})
	}
	open, err := l.attend(bounded, func() error { return do.once(l, lost) })
	if open && usable(err) {
		p.put(l)
	} else {
		l.conn.Close()
	}
	return c.timed(ctx, bounded, err)
}

// timed says of an attempt that was cut off, why.
func (c *Client) timed(ctx, bounded context.Context, err error) error {
	var f *failure
	if bounded.Err() == nil || !errors.As(err, &f) {
		return err
	}
	f.err = silence(c.options.AttemptTimeout)
	if err := ended(ctx); err != nil {
		f.err = err
	}
	f.old = false
	return f
}
