package memcachetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/memcache"
)

// put stores a text, which must work.
func put(t *testing.T, c memcache.Cache, key, value string) {
	t.Helper()
	require.NoError(t, c.Set(t.Context(), memcache.Item{Key: key, Value: []byte(value)}))
}

// has demands a text.
func has(t *testing.T, c memcache.Cache, key, value string) {
	t.Helper()
	item, err := c.Get(t.Context(), key)
	require.NoError(t, err)
	assert.Equal(t, value, string(item.Value))
	assert.Equal(t, key, item.Key)
}

// gone demands that there is nothing.
func gone(t *testing.T, c memcache.Cache, key string) {
	t.Helper()
	_, err := c.Get(t.Context(), key)
	require.ErrorIs(t, err, memcache.ErrMiss)
}

// ends waits until there is nothing.
func ends(t *testing.T, c memcache.Cache, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := c.Get(ctx, key)
		if errors.Is(err, memcache.ErrMiss) {
			return
		}
		require.NoError(t, err)
		require.NoError(t, clockwork.Sleep(ctx, clockwork.Real(), 20*time.Millisecond))
	}
}

func set(t *testing.T, a, b memcache.Cache) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for n, value := range []string{"x", "", string(every), "\r\nEND\r\n", strings.Repeat("long ", 10_000)} {
		key := fmt.Sprint("key/", n, "/ä%?#")
		require.NoError(t, a.Set(t.Context(), memcache.Item{Key: key, Value: []byte(value), Flags: math.MaxUint32}))
		has(t, b, key, value)
		item, err := b.Get(t.Context(), key)
		require.NoError(t, err)
		assert.Equal(t, uint32(math.MaxUint32), item.Flags)
	}
	put(t, a, "twice", "first")
	put(t, b, "twice", "second")
	has(t, a, "twice", "second")
}

func miss(t *testing.T, a, _ memcache.Cache) {
	ctx := t.Context()
	_, err := a.Get(ctx, "k")
	require.ErrorIs(t, err, memcache.ErrMiss)
	var details *memcache.Error
	require.ErrorAs(t, err, &details)
	assert.Equal(t, "get", details.Op)
	require.ErrorIs(t, a.Touch(ctx, "k", time.Minute), memcache.ErrMiss)
	require.ErrorIs(t, a.Delete(ctx, "k"), memcache.ErrMiss)
	_, err = a.Increment(ctx, "k", 1)
	require.ErrorIs(t, err, memcache.ErrMiss)
	_, err = a.Decrement(ctx, "k", 1)
	require.ErrorIs(t, err, memcache.ErrMiss)
}

func add(t *testing.T, a, b memcache.Cache) {
	require.NoError(t, a.Add(t.Context(), memcache.Item{Key: "k", Value: []byte("first")}))
	for _, c := range []memcache.Cache{a, b} {
		err := c.Add(t.Context(), memcache.Item{Key: "k", Value: []byte("second"), Unique: true})
		require.ErrorIs(t, err, memcache.ErrNotStored)
	}
	has(t, b, "k", "first")
}

func replace(t *testing.T, a, b memcache.Cache) {
	item := memcache.Item{Key: "k", Value: []byte("new")}
	require.ErrorIs(t, a.Replace(t.Context(), item), memcache.ErrNotStored)
	gone(t, b, "k")
	put(t, b, "k", "old")
	require.NoError(t, a.Replace(t.Context(), item))
	has(t, b, "k", "new")
}

func swap(t *testing.T, a, b memcache.Cache) {
	ctx := t.Context()
	put(t, a, "k", "one")
	item, err := a.Get(ctx, "k")
	require.NoError(t, err)
	item.Value = []byte("two")
	require.NoError(t, a.CompareAndSwap(ctx, item))
	has(t, b, "k", "two")
	require.ErrorIs(t, a.CompareAndSwap(ctx, item), memcache.ErrConflict, "it is another item now")

	item, err = a.Get(ctx, "k")
	require.NoError(t, err)
	put(t, b, "k", "three")
	require.ErrorIs(t, a.CompareAndSwap(ctx, item), memcache.ErrConflict)
	has(t, a, "k", "three")

	several, err := a.GetMulti(ctx, "k")
	require.NoError(t, err)
	require.NoError(t, b.Delete(ctx, "k"))
	require.ErrorIs(t, a.CompareAndSwap(ctx, several["k"]), memcache.ErrMiss)
	gone(t, a, "k")

	put(t, a, "k", "five")
	item, err = a.Get(ctx, "k")
	require.NoError(t, err)
	item.TTL = -time.Second
	require.NoError(t, a.CompareAndSwap(ctx, item))
	gone(t, b, "k")
}

func swapUnread(t *testing.T, a, b memcache.Cache) {
	item := memcache.Item{Key: "k", Value: []byte("mine")}
	require.ErrorIs(t, a.CompareAndSwap(t.Context(), item), memcache.ErrMiss)
	put(t, b, "k", "theirs")
	require.ErrorIs(t, a.CompareAndSwap(t.Context(), item), memcache.ErrConflict)
	has(t, b, "k", "theirs")
}

func swapMany(t *testing.T, a, b memcache.Cache) {
	const writers, times = 4, 25
	counter := func(c memcache.Cache) memcache.Values[int] { return memcache.Of(c, memcache.Number[int]()) }
	require.NoError(t, counter(a).Set(t.Context(), "k", 0, 0))
	once := func(c memcache.Cache) error {
		for {
			item, err := c.Get(t.Context(), "k")
			if err != nil {
				return err
			}
			n, err := memcache.Number[int]().Decode(item.Value)
			if err != nil {
				return err
			}
			item.Value = fmt.Append(nil, n+1)
			if err = c.CompareAndSwap(t.Context(), item); !errors.Is(err, memcache.ErrConflict) {
				return err
			}
		}
	}
	var all sync.WaitGroup
	for n := range writers {
		all.Go(func() {
			for range times {
				assert.NoError(t, once([]memcache.Cache{a, b}[n%2]))
			}
		})
	}
	all.Wait()
	n, err := counter(b).Get(t.Context(), "k")
	require.NoError(t, err)
	assert.Equal(t, writers*times, n)
}

func multi(t *testing.T, a, b memcache.Cache) {
	var keys []string
	for n := range 40 {
		key := fmt.Sprint("key-", n)
		keys = append(keys, key)
		if n%2 == 0 {
			put(t, a, key, fmt.Sprint(n))
		}
	}
	items, err := b.GetMulti(t.Context(), append(keys, keys[0])...)
	require.NoError(t, err)
	assert.Len(t, items, 20)
	for key, item := range items {
		assert.Equal(t, key, item.Key)
		assert.Equal(t, key, "key-"+string(item.Value))
	}
	items, err = b.GetMulti(t.Context())
	require.NoError(t, err)
	assert.Empty(t, items)
}

func expire(t *testing.T, a, b memcache.Cache) {
	ctx := t.Context()
	require.NoError(t, a.Set(ctx, memcache.Item{Key: "short", Value: []byte("x"), TTL: 1200 * time.Millisecond}))
	put(t, a, "long", "x")
	ends(t, b, "short")
	has(t, b, "long", "x")
	require.NoError(t, a.Add(ctx, memcache.Item{Key: "short", TTL: -1}), "what has ended is not there")
	gone(t, b, "short")
}

func touch(t *testing.T, a, b memcache.Cache) {
	put(t, a, "k", "x")
	require.NoError(t, b.Touch(t.Context(), "k", time.Hour)) // a second may be over at once
	require.NoError(t, b.Touch(t.Context(), "k", 0))
	require.NoError(t, b.Touch(t.Context(), "k", time.Second))
	ends(t, a, "k")
}

func far(t *testing.T, a, b memcache.Cache) {
	ctx := t.Context()
	const year = 365 * 24 * time.Hour
	require.NoError(t, a.Set(ctx, memcache.Item{Key: "k", Value: []byte("x"), TTL: year}))
	has(t, b, "k", "x")
	require.Error(t, a.Set(ctx, memcache.Item{Key: "k", TTL: 100 * year}))
	has(t, b, "k", "x")
}

func count(t *testing.T, a, b memcache.Cache) {
	ctx := t.Context()
	put(t, a, "k", "8")
	for n := uint64(9); n <= 11; n++ {
		sum, err := b.Increment(ctx, "k", 1)
		require.NoError(t, err)
		assert.Equal(t, n, sum)
	}
	rest, err := b.Decrement(ctx, "k", 2)
	require.NoError(t, err)
	assert.Equal(t, uint64(9), rest)
	n, err := memcache.Of(a, memcache.Number[int]()).Get(ctx, "k")
	require.NoError(t, err)
	assert.Equal(t, 9, n)
	rest, err = b.Decrement(ctx, "k", 100)
	require.NoError(t, err)
	assert.Zero(t, rest)

	put(t, a, "k", fmt.Sprint(uint64(math.MaxUint64)))
	sum, err := b.Increment(ctx, "k", 2)
	require.NoError(t, err)
	assert.Equal(t, uint64(1), sum)

	var all sync.WaitGroup
	put(t, a, "k", "0")
	for range 4 {
		all.Go(func() {
			for range 25 {
				_, err := b.Increment(ctx, "k", 1)
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	has(t, a, "k", "100")
}

func countText(t *testing.T, a, _ memcache.Cache) {
	put(t, a, "k", "text")
	_, err := a.Increment(t.Context(), "k", 1)
	require.ErrorIs(t, err, memcache.ErrServer)
	assert.Contains(t, err.Error(), "non-numeric")
	has(t, a, "k", "text")
}

func remove(t *testing.T, a, b memcache.Cache) {
	put(t, a, "k", "x")
	require.NoError(t, b.Delete(t.Context(), "k"))
	gone(t, a, "k")
}

func wait(t *testing.T, a, b memcache.Cache) {
	var all sync.WaitGroup
	all.Go(func() {
		item, err := a.GetWait(t.Context(), "k")
		assert.NoError(t, err)
		assert.Equal(t, "x", string(item.Value))
	})
	put(t, b, "other", "y")
	put(t, b, "k", "x")
	all.Wait()
}

func waitEnds(t *testing.T, a, b memcache.Cache) {
	enough := errors.New("enough")
	err := enough
	for pause := 30 * time.Millisecond; !errors.Is(err, memcache.ErrMiss) && pause < time.Minute; pause *= 2 {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(pause, func() { cancel(enough) })
		_, err = a.GetWait(ctx, "k") // which is no miss where the server had no time to answer
		timer.Stop()
		require.ErrorIs(t, err, enough)
	}
	require.ErrorIs(t, err, memcache.ErrMiss)
	put(t, b, "k", "x")
	has(t, a, "k", "x")
}

// commands are all of those with a key.
var commands = map[string]func(ctx context.Context, c memcache.Cache, key string) error{
	"get": func(ctx context.Context, c memcache.Cache, key string) error { return second(c.Get(ctx, key)) },
	"get multi": func(ctx context.Context, c memcache.Cache, key string) error {
		return second(c.GetMulti(ctx, "k", key))
	},
	"get wait": func(ctx context.Context, c memcache.Cache, key string) error { return second(c.GetWait(ctx, key)) },
	"set": func(ctx context.Context, c memcache.Cache, key string) error {
		return c.Set(ctx, memcache.Item{Key: key})
	},
	"add": func(ctx context.Context, c memcache.Cache, key string) error {
		return c.Add(ctx, memcache.Item{Key: key})
	},
	"replace": func(ctx context.Context, c memcache.Cache, key string) error {
		return c.Replace(ctx, memcache.Item{Key: key})
	},
	"cas": func(ctx context.Context, c memcache.Cache, key string) error {
		return c.CompareAndSwap(ctx, memcache.Item{Key: key})
	},
	"touch":     func(ctx context.Context, c memcache.Cache, key string) error { return c.Touch(ctx, key, 0) },
	"increment": func(ctx context.Context, c memcache.Cache, key string) error { return second(c.Increment(ctx, key, 1)) },
	"decrement": func(ctx context.Context, c memcache.Cache, key string) error { return second(c.Decrement(ctx, key, 1)) },
	"delete":    func(ctx context.Context, c memcache.Cache, key string) error { return c.Delete(ctx, key) },
}

func second[T any](_ T, err error) error { return err }

func badKeys(t *testing.T, a, _ memcache.Cache) {
	for name, command := range commands {
		for _, key := range []string{
			"", " ", "two words", "x\r\nflush_all", "x\x00", "tab\t", "del\x7f", "nbsp\u00a0", "next\u0085line",
			strings.Repeat("x", 251),
		} {
			require.ErrorIs(t, command(t.Context(), a, key), memcache.ErrKey, "%s %q", name, key)
		}
	}
}

func large(t *testing.T, a, b memcache.Cache) {
	err := a.Set(t.Context(), memcache.Item{Key: "k", Value: make([]byte, 2<<20)})
	require.ErrorIs(t, err, memcache.ErrServer)
	assert.Contains(t, err.Error(), "too large")
	put(t, a, "k", "x")
	has(t, b, "k", "x")
}

func cancelled(t *testing.T, a, b memcache.Cache) {
	put(t, a, "k", "8")
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	for name, command := range commands {
		err := command(ctx, a, "k")
		require.ErrorIs(t, err, enough, name)
		require.NotErrorIs(t, err, memcache.ErrAmbiguous, name)
	}
	has(t, b, "k", "8")
}

func typed(t *testing.T, a, b memcache.Cache) {
	ctx := t.Context()
	type point struct{ X, Y int }
	points := func(c memcache.Cache) memcache.Values[point] { return memcache.Of(c, memcache.JSON[point]()) }
	require.NoError(t, points(a).Add(ctx, "p", point{1, 2}, time.Minute))
	require.ErrorIs(t, points(a).Add(ctx, "p", point{3, 4}, time.Minute), memcache.ErrNotStored)
	p, err := points(b).GetWait(ctx, "p")
	require.NoError(t, err)
	assert.Equal(t, point{1, 2}, p)
	require.NoError(t, points(b).Replace(ctx, "p", point{5, 6}, 0))
	all, err := points(a).GetMulti(ctx, "p", "q")
	require.NoError(t, err)
	assert.Equal(t, map[string]point{"p": {5, 6}}, all)
	_, err = points(a).Get(ctx, "q")
	require.ErrorIs(t, err, memcache.ErrMiss)
	put(t, a, "p", "no JSON")
	_, err = points(b).Get(ctx, "p")
	require.ErrorContains(t, err, "decode the value")
}

func flush(t *testing.T, a, b memcache.Cache) {
	ctx := t.Context()
	put(t, a, "k", "x")
	put(t, b, "other", "y")
	item, err := a.Get(ctx, "k")
	require.NoError(t, err)
	require.NoError(t, b.FlushNamespace(ctx))
	for _, c := range []memcache.Cache{a, b} {
		gone(t, c, "k")
		gone(t, c, "other")
	}
	require.ErrorIs(t, a.CompareAndSwap(ctx, item), memcache.ErrMiss, "it was read before the flush")
	put(t, a, "k", "new")
	has(t, b, "k", "new")
	require.NoError(t, a.FlushNamespace(ctx))
	require.NoError(t, a.FlushNamespace(ctx))
	gone(t, b, "k")
}

func noFlush(t *testing.T, a, b memcache.Cache) {
	put(t, a, "k", "x")
	require.ErrorContains(t, a.FlushNamespace(t.Context()), "namespace")
	has(t, b, "k", "x")
}
