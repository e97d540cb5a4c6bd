package memcache

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
)

// Add stores an item if there is none of that key; otherwise ErrNotStored.
//
// After a lost answer it is sent again. If there is an item then, it is read: a
// unique value that is there was stored, and one that is not there was not. What
// became of a value that is not unique, see Item.Unique, cannot be told:
// ErrAmbiguous.
func (c *Client) Add(ctx context.Context, item Item) error {
	return c.with(ctx, "add", item, func(out *gomemcache.Item) call {
		return call{ambiguous: true, once: func(l *link, lost bool) error {
			err := l.run(func(g *gomemcache.Client) error { return g.Add(out) })
			if !lost || !errors.Is(err, ErrNotStored) {
				return err
			}
			if !item.Unique {
				return ErrAmbiguous
			}
			there, err := l.get(out.Key, item.Key, 0)
			switch {
			case err == nil && !item.is(there):
				return ErrNotStored
			case errors.Is(err, ErrMiss):
				return &failure{err: err} // it has ended just now
			}
			return err
		}}
	})
}

// is reports whether the item that is there is the one that was written.
func (i Item) is(there Item) bool {
	return bytes.Equal(i.Value, there.Value) && i.Flags == there.Flags
}

// CompareAndSwap stores an item that was read by this client, if nobody has
// written it since. ErrConflict says that somebody has, or that it cannot be
// excluded: read it again. ErrMiss: it is gone.
//
// memcached counts the writes from 1 on after each start. An id that was read
// over a connection that is no longer there is therefore trusted only if the
// value is still the one that was read, too.
//
// After a lost answer the item is read: if it has not changed, it is sent
// again; a unique value that is there was stored, and one that is not there is a
// conflict. Otherwise: ErrAmbiguous.
func (c *Client) CompareAndSwap(ctx context.Context, item Item) error {
	if item.read != (reading{}) && item.read.cas == 0 {
		return &Error{Op: "cas", Key: item.Key, Err: errNoCAS}
	}
	return c.with(ctx, "cas", item, func(out *gomemcache.Item) call {
		return call{ambiguous: true, until: item.read.opened, once: func(l *link, lost bool) error {
			if lost || l.opened > item.read.opened {
				done, err := l.compare(item, out.Key, lost)
				if done || err != nil {
					return err
				}
			}
			return l.run(func(g *gomemcache.Client) error { return g.CompareAndSwap(out) })
		}}
	})
}

var errNoCAS = fmt.Errorf("%w: it does not count the writes: start it without the option -C", ErrServer)

// compare reads the item. It reports whether it was written already, and returns
// an error where it must not be written.
func (l *link) compare(item Item, key string, lost bool) (written bool, err error) {
	there, err := l.get(key, item.Key, 0)
	switch {
	case err != nil:
		return false, err
	case there.read.cas == item.read.cas && there.read.sum == item.read.sum:
		return false, nil
	case !lost:
		return false, ErrConflict
	case !item.Unique:
		return false, ErrAmbiguous
	case item.is(there):
		return true, nil
	}
	return false, ErrConflict
}
