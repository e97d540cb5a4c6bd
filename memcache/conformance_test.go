package memcache_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/internal/leaktest"
	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fake returns a server in memory, and the options that lead to it.
func fake(t *testing.T) (*memcachetest.Server, memcache.Options) {
	now := clockwork.From(clock.New()) // which a bubble moves
	server := memcachetest.NewServer(now)
	t.Cleanup(server.Close)
	return server, memcache.Options{Dial: server.Dial, Clock: now, Name: t.Name()}
}

// client returns a client that is closed at the end.
func client(t *testing.T, servers []string, o memcache.Options) *memcache.Client {
	c := memcache.New(servers, o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestServerInMemoryConforms(t *testing.T) {
	for _, space := range []string{"", "shop"} {
		for _, servers := range [][]string{{"one"}, {"one", "two", "three"}} {
			t.Run(fmt.Sprintf("%d servers, namespace %q", len(servers), space), func(t *testing.T) {
				memcachetest.Run(t, memcachetest.Subject{
					New: func(t *testing.T) (a, b memcache.Cache) {
						_, o := fake(t)
						return in(client(t, servers, o), space), in(client(t, servers, o), space)
					},
					Namespace: space != "",
					In:        synctest.Test,
				})
			})
		}
	}
}

func in(c *memcache.Client, space string) memcache.Cache {
	if space == "" {
		return c
	}
	return c.Namespace(space)
}

func TestRealServerConforms(t *testing.T) {
	one, two := memcachetest.Start(t), memcachetest.Start(t)
	patient := func(o memcache.Options) memcache.Options {
		o.Timeout, o.AttemptTimeout = time.Minute, time.Minute
		return o
	}
	var spaces atomic.Int64
	for _, c := range []struct {
		name    string
		servers []string
		options memcache.Options
	}{
		{"one server", []string{one.Address()}, memcache.Options{}},
		{"two servers", []string{one.Address(), two.Address()}, memcache.Options{}},
		{"versions from memory", []string{one.Address()}, memcache.Options{VersionAge: time.Nanosecond}},
		{"no idle connections", []string{one.Address()}, memcache.Options{MaxIdle: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			memcachetest.Run(t, memcachetest.Subject{
				New: func(t *testing.T) (a, b memcache.Cache) {
					space := fmt.Sprint("space-", spaces.Add(1))
					o := patient(c.options)
					return client(t, c.servers, o).Namespace(space), client(t, c.servers, o).Namespace(space)
				},
				Namespace: true,
			})
		})
	}
	alone := memcachetest.Start(t)
	t.Run("no namespace", func(t *testing.T) {
		t.Parallel()
		memcachetest.Run(t, memcachetest.Subject{
			New: func(t *testing.T) (a, b memcache.Cache) {
				alone.Flush()
				o := patient(memcache.Options{})
				return client(t, []string{alone.Address()}, o), client(t, []string{alone.Address()}, o)
			},
		})
	})
}
