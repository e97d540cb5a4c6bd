// Command heartbeat is a daemon to copy: it logs a beat each second. Put your
// own work in the place of beat.
package main

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	var every time.Duration
	var lockURL, logPath string
	return core.New("heartbeat", append([]core.Option{
		core.Flags(func(app *kingpin.Application) {
			app.Flag("every", "Interval.").Default("1s").DurationVar(&every)
			app.Flag("lock", "Lock against a second instance: file:PATH or null:").
				Default(core.RuntimePath("heartbeat.lock")).StringVar(&lockURL)
			app.Flag("log", "Log file.").Default(core.RuntimePath("heartbeat.log")).StringVar(&logPath)
		}),
		core.Configure(func(*core.Daemon) ([]core.Option, error) {
			single, err := lock.Parse(lockURL)
			return []core.Option{
				core.FromFlag("--every", core.Every(every)),
				core.WithLock(single),
				core.WithLog(logfile.Fixed(logPath)),
			}, err
		}),
		core.Execute(beat),
	}, extra...)...)
}

func beat(_ context.Context, d *core.Daemon) error {
	d.Logf("beat %d", d.Iteration())
	return nil
}
