package memcache

import (
	"context"
	"time"
)

// Cache is what a Client does, for those who want to be given another one by a
// test. All methods are safe for concurrent use, refuse what CheckKey refuses
// with an error that matches ErrKey, and return an *Error.
type Cache interface {
	// Get returns an item; ErrMiss where there is none.
	Get(ctx context.Context, key string) (Item, error)

	// GetMulti returns those of the items that there are, by their keys.
	GetMulti(ctx context.Context, keys ...string) (map[string]Item, error)

	// GetWait is Get that waits for the item to appear. When the time is over,
	// the error matches ErrMiss and the context's cause.
	GetWait(ctx context.Context, key string) (Item, error)

	// Set stores an item, whatever was there.
	Set(ctx context.Context, item Item) error

	// Add stores an item if there is none of that key; otherwise ErrNotStored.
	// When its answer was lost and it cannot be found out what became of it:
	// ErrAmbiguous. See Item.Unique.
	Add(ctx context.Context, item Item) error

	// Replace stores an item if there is one of that key; otherwise
	// ErrNotStored.
	Replace(ctx context.Context, item Item) error

	// CompareAndSwap stores an item that was read by this client, if nobody has
	// written it since. ErrConflict says that somebody has, or that it cannot be
	// excluded: read it again. ErrMiss: it is gone. ErrAmbiguous: as for Add.
	CompareAndSwap(ctx context.Context, item Item) error

	// Touch gives an item another TTL; ErrMiss where there is none.
	Touch(ctx context.Context, key string, ttl time.Duration) error

	// Increment adds to an item whose value is a decimal number, and returns the
	// sum, which wraps around at 64 bits. ErrMiss where there is none;
	// ErrAmbiguous when its answer was lost and the item is still there.
	Increment(ctx context.Context, key string, delta uint64) (uint64, error)

	// Decrement is Increment downwards, and stops at 0.
	Decrement(ctx context.Context, key string, delta uint64) (uint64, error)

	// Delete removes an item; ErrMiss where there is none.
	Delete(ctx context.Context, key string) error

	// FlushNamespace drops all items of the client's namespace. A client without
	// one is refused.
	FlushNamespace(ctx context.Context) error
}

var _ Cache = (*Client)(nil)
