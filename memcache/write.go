package memcache

import (
	"context"
	"errors"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
)

// Set stores an item, whatever was there.
func (c *Client) Set(ctx context.Context, item Item) error {
	return c.store(ctx, "set", item, (*gomemcache.Client).Set)
}

// Replace stores an item if there is one of that key; otherwise ErrNotStored.
func (c *Client) Replace(ctx context.Context, item Item) error {
	return c.store(ctx, "replace", item, (*gomemcache.Client).Replace)
}

// store is a command that is repeated after a lost answer.
func (c *Client) store(ctx context.Context, op string, item Item, send func(*gomemcache.Client, *gomemcache.Item) error) error {
	return c.with(ctx, op, item, func(out *gomemcache.Item) call {
		return call{once: func(l *link, _ bool) error {
			return l.run(func(g *gomemcache.Client) error { return send(g, out) })
		}}
	})
}

// with bounds a call about an item, and does it.
func (c *Client) with(ctx context.Context, op string, item Item, build func(out *gomemcache.Item) call) error {
	ctx = c.limit(ctx)
	full, err := c.full(ctx, op, item.Key)
	if err != nil {
		return err
	}
	out, err := item.outgoing(full, c.options.Clock.Wall())
	if err != nil {
		return &Error{Op: op, Key: full, Err: err}
	}
	do := build(out)
	do.op, do.key = op, full
	return c.do(ctx, do)
}

// Touch gives an item another TTL; ErrMiss where there is none.
func (c *Client) Touch(ctx context.Context, key string, ttl time.Duration) error {
	return c.with(ctx, "touch", Item{Key: key, TTL: ttl}, func(out *gomemcache.Item) call {
		return call{once: func(l *link, _ bool) error {
			return l.run(func(g *gomemcache.Client) error { return g.Touch(out.Key, out.Expiration) })
		}}
	})
}

// Delete removes an item; ErrMiss where there is none. After a lost answer, an
// item that is gone is one that it has removed.
func (c *Client) Delete(ctx context.Context, key string) error {
	return c.with(ctx, "delete", Item{Key: key}, func(out *gomemcache.Item) call {
		return call{once: func(l *link, lost bool) error {
			err := l.run(func(g *gomemcache.Client) error { return g.Delete(out.Key) })
			if lost && errors.Is(err, ErrMiss) {
				return nil
			}
			return err
		}}
	})
}
