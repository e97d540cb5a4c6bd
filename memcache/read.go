package memcache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"

	"github.com/evertick/evertick/clockwork"
)

// Get returns an item; ErrMiss where there is none.
func (c *Client) Get(ctx context.Context, key string) (Item, error) {
	return c.get(c.limit(ctx), key)
}

func (c *Client) get(ctx context.Context, key string) (Item, error) {
	full, err := c.full(ctx, "get", key)
	if err != nil {
		return Item{}, err
	}
	var item Item
	err = c.do(ctx, call{op: "get", key: full, once: func(l *link, _ bool) (err error) {
		item, err = l.get(full, key, c.pool(full).count())
		return err
	}})
	return item, err
}

// GetMulti returns those of the items that there are, by their keys. It asks the
// servers at the same time. Where one of them fails, so does the call.
func (c *Client) GetMulti(ctx context.Context, keys ...string) (map[string]Item, error) {
	ctx = c.limit(ctx)
	byServer := make(map[*pool]map[string]string) // full keys to those of the caller
	for _, key := range keys {
		full, err := c.full(ctx, "get", key)
		if err != nil {
			return nil, err
		}
		if c.refused != nil {
			return nil, &Error{Op: "get", Key: key, Err: c.refused}
		}
		p := c.pool(full)
		if byServer[p] == nil {
			byServer[p] = make(map[string]string)
		}
		byServer[p][full] = key
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex // held for instants only
		items = make(map[string]Item, len(keys))
		errs  []error
	)
	for p, names := range byServer {
		all.Go(func() {
			some, err := c.getSome(ctx, p, names)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(items, some)
			errs = append(errs, err)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return items, nil
}

// getSome asks one server.
func (c *Client) getSome(ctx context.Context, p *pool, names map[string]string) (map[string]Item, error) {
	var first string
	full := make([]string, 0, len(names))
	for key := range names {
		full = append(full, key)
		first = max(first, key)
	}
	var items map[string]Item
	err := c.do(ctx, call{op: "get", key: first, once: func(l *link, _ bool) error {
		opened := p.count()
		items = make(map[string]Item, len(names))
		return l.run(func(g *gomemcache.Client) error {
			got, err := g.GetMulti(full)
			if err != nil {
				return err
			}
			for key, it := range got {
				name, asked := names[key]
				if !asked {
					return errOtherKey
				}
				items[name] = received(name, it, opened)
			}
			return nil
		})
	}})
	return items, err
}

// The pauses of GetWait grow from the first to the second.
const (
	firstWait = 5 * time.Millisecond
	maxWait   = 250 * time.Millisecond
)

// GetWait is Get that waits for the item to appear, until the client's time-out
// or the context ends.
func (c *Client) GetWait(ctx context.Context, key string) (Item, error) {
	ctx = c.limit(ctx)
	var missed error
	for n := 0; ; n++ {
		item, err := c.get(ctx, key)
		switch {
		case err == nil:
			return item, nil
		case errors.Is(err, ErrMiss):
			missed = err
		case ended(ctx) == nil || missed == nil:
			return Item{}, err
		}
		if over := c.pause(ctx, clockwork.Backoff(firstWait, maxWait, n, c.options.Name, key)); over != nil {
			return Item{}, fmt.Errorf("%w, and none has appeared: %w", missed, over)
		}
	}
}
