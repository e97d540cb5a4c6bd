package memcachedlock_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/locktest"
	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

// world is a server in memory, in a bubble, and its clock.
type world struct {
	*memcachetest.Server
	clock clockwork.Clock
}

func newWorld(t *testing.T) *world {
	c := clockwork.From(clock.New())
	w := &world{memcachetest.NewServer(c), c}
	t.Cleanup(w.Close)
	return w
}

// lock declares the lock x in that server.
func (w *world) lock(o memcachedlock.Options) lock.Locker {
	o.Dial = w.Dial
	return memcachedlock.New([]string{"store"}, "x", o).Bind("", w.clock)
}

// thief is the value of another owner.
const thief = `{"name":"thief","pid":2,"host":"elsewhere","token":9007199254740993,"id":"00112233445566778899aabbccddeeff","ttl":3600}`

func TestConformsInMemory(t *testing.T) {
	for _, phase := range []time.Duration{0, 300 * time.Millisecond, time.Second - 1} {
		t.Run(fmt.Sprint("phase ", phase), func(t *testing.T) {
			var w *world
			locktest.Run(t, locktest.Subject{
				New: func(t *testing.T) (a, b lock.Locker) {
					w = newWorld(t)
					w.SetLag(phase)
					o := memcachedlock.Options{TTL: 4 * time.Second}
					return w.lock(o), w.lock(o)
				},
				Unparsable: true, // its URL leads to a real server
				Steal:      func(*testing.T, lock.Locker) { w.Set("x", thief, time.Hour) },
				Forget:     func(*testing.T, lock.Locker) { w.Evict("x") },
				Victim: func(t *testing.T, a lock.Locker) (kill func()) {
					_, err := a.Acquire(t.Context(), owner(7))
					require.NoError(t, err)
					return func() {}
				},
				Outage:  func(_ *testing.T, on bool) { w.SetDown(on) },
				Stall:   func(*testing.T) func() { return w.Stall() },
				Advance: time.Sleep,
				In: func(t *testing.T, test func(t *testing.T)) {
					synctest.Test(t, func(t *testing.T) {
						test(t)
						time.Sleep(4 * time.Second) // what gives a lock back that was perhaps taken ends by then
					})
				},
			})
		})
	}
}

func owner(pid int) lock.Owner { return lock.Owner{Name: "d", PID: pid, Host: "h"} }

// The suite on a real server. Its time is real, too, so that this takes most of a
// minute, beside the other tests.
func TestConformsOnARealServer(t *testing.T) {
	t.Parallel()
	server := memcachetest.Start(t)
	proxy := memcachetest.NewProxy(t, server.Address())
	cache := memcache.New([]string{server.Address()}, memcache.Options{Timeout: time.Minute})
	t.Cleanup(func() { _ = cache.Close() })
	var locks atomic.Int64
	var key string
	declare := func(ttl time.Duration) func(t *testing.T) (a, b lock.Locker) {
		return func(*testing.T) (a, b lock.Locker) {
			key = fmt.Sprint("x-", locks.Add(1))
			o := memcachedlock.Options{TTL: ttl}
			servers := []string{proxy.Address()}
			return memcachedlock.New(servers, key, o), memcachedlock.New(servers, key, o)
		}
	}
	locktest.Run(t, locktest.Subject{
		New:      declare(12 * time.Second),
		NewShort: declare(4 * time.Second),
		Steal: func(t *testing.T, _ lock.Locker) {
			require.NoError(t, cache.Set(t.Context(), memcache.Item{Key: key, Value: []byte(thief), TTL: time.Hour}))
		},
		Forget: func(t *testing.T, _ lock.Locker) { require.NoError(t, cache.Delete(t.Context(), key)) },
		Victim: func(t *testing.T, a lock.Locker) (kill func()) {
			p := startObeying(t)
			p.ask(t, "acquire %s", a)
			return p.kill
		},
		Outage: func(_ *testing.T, on bool) { proxy.SetDown(on) },
		Stall: func(*testing.T) func() {
			server.Stop()
			return server.Continue
		},
		Advance: func(d time.Duration) { <-time.After(d) },
	})
}
