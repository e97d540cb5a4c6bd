package memcache_test

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

// A daemon counts in a cache that a scenario's network leads to. What happens to
// the network, it does not notice.
func TestInAScenario(t *testing.T) {
	var network daemontest.Network
	var server *memcachetest.Server
	network.HandleConn("cache", func(c net.Conn) { server.Serve(c) })
	newCounter := func(extra ...core.Option) *core.Daemon {
		now := clockwork.From(clock.New())
		server = memcachetest.NewServer(now)
		cache := memcache.New([]string{"cache"}, memcache.Options{Timeout: 4 * time.Second, Dial: network.DialContext, Clock: now, Name: "counter"})
		counts := memcache.Of(cache, memcache.Number[int]())
		return core.New("counter", append([]core.Option{
			core.Every(5 * time.Second),
			core.Setup(func(ctx context.Context, _ *core.Daemon) error { return counts.Set(ctx, "count", 0, 0) }),
			core.Execute(func(ctx context.Context, d *core.Daemon) error {
				n, err := counts.Get(ctx, "count")
				if err != nil {
					return err
				}
				d.Logf("count %d", n)
				return counts.Set(ctx, "count", n+1, time.Minute)
			}),
		}, extra...)...)
	}
	daemontest.Run(t, newCounter, daemontest.Scenario{
		Network: &network,
		Steps: daemontest.Steps{
			daemontest.At(4*time.Second, daemontest.HostResets("cache")),
			daemontest.At(9*time.Second, daemontest.HostRefuses("cache", true)),
			daemontest.At(12*time.Second, daemontest.HostRefuses("cache", false)),
			daemontest.At(14*time.Second, daemontest.HostHangs("cache", true)),
			daemontest.At(18*time.Second, daemontest.HostHangs("cache", false)),
			daemontest.At(22*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Iterations(5), daemontest.Failures(0), daemontest.Exit(0), daemontest.Logs("count 4"),
		},
	})
}
