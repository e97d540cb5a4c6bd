// Command minimal is the smallest daemon: an interval and what to execute. It
// is there to be measured: what a daemon does not use, it does not link.
package main

import (
	"context"
	"time"

	"github.com/evertick/evertick/core"
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	return core.New("minimal", append([]core.Option{
		core.Every(time.Second),
		core.Execute(beat),
	}, extra...)...)
}

func beat(_ context.Context, d *core.Daemon) error {
	d.Logf("beat %d", d.Iteration())
	return nil
}
