// Command nightly is a daemon to copy: each night it deletes the files of a folder
// that are older than a week. A night that it did not run is made up for.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/robfig/cron/v3"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	var at, folder string
	return core.New("nightly", append([]core.Option{
		core.About("deletes old files each night"),
		core.Flags(func(app *kingpin.Application) {
			app.Flag("at", "When, as in crontab(5).").Default("30 2 * * *").StringVar(&at)
			app.Flag("folder", "Where.").Default("files").StringVar(&folder)
		}),
		core.Configure(func(*core.Daemon) ([]core.Option, error) {
			schedule, err := cron.ParseStandard(at)
			if err != nil {
				return nil, fmt.Errorf("--at %q: %w", at, err)
			}
			return []core.Option{core.Scheduled(schedule)}, nil
		}),
		core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error { _, err := os.ReadDir(d.Path(folder)); return err }),
		core.RememberTicks("nightly.ticks"),
		core.WithLock(lock.File(core.RuntimePath("nightly.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("nightly.log"))),
		core.StandardFlags("lock", "log"),
		core.Execute(func(_ context.Context, d *core.Daemon) error { return prune(d, d.Path(folder)) }),
	}, extra...)...)
}

func prune(d *core.Daemon, folder string) error {
	files, err := os.ReadDir(folder)
	for _, f := range files {
		info, errInfo := f.Info()
		if errInfo == nil && info.Mode().IsRegular() && d.Clock().Wall().Sub(info.ModTime()) > 7*24*time.Hour {
			d.Logf("deleting %s", f.Name())
			err = errors.Join(err, os.Remove(filepath.Join(folder, f.Name())))
		}
	}
	return err
}
