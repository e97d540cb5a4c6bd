package memcache

import (
	"context"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
)

// Increment adds to an item whose value is a decimal number, and returns the sum,
// which wraps around at 64 bits. ErrMiss where there is none. It is not repeated
// after a lost answer: where the item is still there, the error is ErrAmbiguous.
func (c *Client) Increment(ctx context.Context, key string, delta uint64) (uint64, error) {
	return c.count(ctx, "increment", key, delta, (*gomemcache.Client).Increment)
}

// Decrement is Increment downwards, and stops at 0. memcached leaves a blank where
// the number has become shorter; Number does not mind.
func (c *Client) Decrement(ctx context.Context, key string, delta uint64) (uint64, error) {
	return c.count(ctx, "decrement", key, delta, (*gomemcache.Client).Decrement)
}

func (c *Client) count(ctx context.Context, op, key string, delta uint64,
	send func(*gomemcache.Client, string, uint64) (uint64, error),
) (value uint64, err error) {
	err = c.with(ctx, op, Item{Key: key}, func(out *gomemcache.Item) call {
		return call{ambiguous: true, once: func(l *link, lost bool) error {
			if lost {
				if _, err := l.get(out.Key, key, 0); err != nil {
					return err // where it is gone, it does not matter any more
				}
				return ErrAmbiguous
			}
			return l.run(func(g *gomemcache.Client) (err error) {
				value, err = send(g, out.Key, delta)
				return err
			})
		}}
	})
	return value, err
}
