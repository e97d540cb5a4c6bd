package daemontest

import (
	"context"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/lock"
)

// NewFunc is how a daemon is declared for Run: a function that hands its extra
// options on to core.New.
type NewFunc func(extra ...core.Option) *core.Daemon

// Leased returns a lock in the world's store that expires unless it is renewed,
// as one in a network does, under the given URL or name. Every other lock that
// a daemon declares, lock files apart, is kept in the same store: with the TTL
// that a method TTL() time.Duration of it tells, else until its holder dies.
func Leased(name string, ttl time.Duration) lock.Locker { return world.Leased(name, ttl) }

// Hangs is a Setup, Teardown or any other function of a daemon's own that
// ignores its context and never returns.
func Hangs(_ context.Context, d *core.Daemon) error {
	c, ok := d.Clock().(*world.Clock)
	if !ok {
		panic("daemontest.Hangs is for daemons that daemontest.Run plays")
	}
	return c.Generation().Hang()
}
