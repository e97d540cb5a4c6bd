// Command heartbeat is the smallest honest daemon: it logs a beat a second.
// Read it from top to bottom, copy it, and put your own work in place of beat.
package main

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
)

func main() { New().Main() }

// New declares the daemon. A test hands it a world of its own as extra options.
func New(extra ...core.Option) *core.Daemon {
	var every time.Duration
	var lockURL, logPath string
	return core.New("heartbeat", append([]core.Option{
		core.Flags(func(app *kingpin.Application) {
			app.Flag("every", "Time from beat to beat.").Default("1s").DurationVar(&every)
			app.Flag("lock", "What keeps a second one away: file:PATH or null:").
				Default(core.RuntimePath("heartbeat.lock")).StringVar(&lockURL)
			app.Flag("log", "Log file.").Default(core.RuntimePath("heartbeat.log")).StringVar(&logPath)
		}),
		core.Configure(func(*core.Daemon) ([]core.Option, error) {
			single, err := lock.Parse(lockURL)
			return []core.Option{
				core.FromFlag("--every", core.Every(every)),
				core.WithLock(single),
				core.WithLog(core.Fixed(logPath)),
			}, err
		}),
		core.Execute(beat),
	}, extra...)...)
}

func beat(_ context.Context, d *core.Daemon) error {
	d.Logf("beat %d", d.Iteration())
	return nil
}
