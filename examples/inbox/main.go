// Command inbox is a daemon to copy: it takes the files that others put into a
// folder, one after the other, and moves each to another folder when it is done.
package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

func main() { New().Main() }

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	var b inbox
	return core.New("inbox", append([]core.Option{
		core.About("takes the files of a folder"),
		core.Every(0), // drain waits by itself
		core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error { _, err := os.ReadDir(d.Path(b.done)); return err }),
		core.Execute(b.drain),
		core.WithLock(lock.File(core.RuntimePath("inbox.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("inbox.log"))),
		core.Flags(func(app *kingpin.Application) {
			app.Flag("in", "Where files come in.").Default("in").StringVar(&b.in)
			app.Flag("done", "Where they go when they are done.").Default("done").StringVar(&b.done)
		}),
		core.StandardFlags("lock", "log"),
	}, extra...)...)
}

type inbox struct{ in, done string }

// drain takes what is there. A stop or a restart comes between two files.
func (b *inbox) drain(ctx context.Context, d *core.Daemon) error {
	files, err := os.ReadDir(d.Path(b.in))
	if err != nil {
		return err
	}
	for _, f := range files {
		d.Logf("taking %s", f.Name()) // your own work
		if err := os.Rename(filepath.Join(d.Path(b.in), f.Name()), filepath.Join(d.Path(b.done), f.Name())); err != nil {
			return err
		}
		if err := d.Sleep(ctx, 0); err != nil {
			return err // which is no failure
		}
	}
	return d.Sleep(ctx, time.Second)
}
