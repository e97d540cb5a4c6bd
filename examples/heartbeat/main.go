// Command heartbeat is a daemon to copy: it logs a beat each second. Put your
// own work in the place of beat.
package main

import (
	"context"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	_ "github.com/evertick/evertick/mail/smtp" // --alerts smtp://…
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	return core.New("heartbeat", append([]core.Option{
		core.Every(time.Second),
		core.Execute(beat),
		core.WithLock(lock.File(core.RuntimePath("heartbeat.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("heartbeat.log"))),
		core.StandardFlags(), // --every, --lock, --log, --alerts, …
	}, extra...)...)
}

func beat(_ context.Context, d *core.Daemon) error {
	d.Logf("beat %d", d.Iteration())
	return nil
}
