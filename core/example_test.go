package core_test

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
)

// A daemon is declared by options. Main gives it a command line and ends the
// process; Run runs it inside a larger program.
func ExampleNew() {
	d := core.New("poller",
		quiet(), // for the example: its log has times in it
		core.Every(time.Millisecond),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			fmt.Println("iteration", d.Iteration())
			if d.Iteration() == 3 {
				d.Stop("enough")
			}
			return nil
		}),
	)
	fmt.Println("exit status", d.Run(context.Background()))
	// Output:
	// iteration 1
	// iteration 2
	// iteration 3
	// exit status 0
}

// A loop that blocks on its own work selects on Stopping beside it, so that a
// stop or a restart need not wait for work to come.
func ExampleEvery() {
	letters := make(chan string, 2)
	letters <- "a"
	letters <- "b"
	d := core.New("drainer",
		quiet(),
		core.Every(0),
		core.Execute(func(ctx context.Context, d *core.Daemon) error {
			select {
			case letter := <-letters:
				fmt.Println("letter", letter)
				if len(letters) == 0 {
					d.Stop("as SIGTERM does")
				}
				return nil
			case <-d.Stopping(): // a first stop, or a restart
				fmt.Println("no more letters")
				return nil
			case <-ctx.Done(): // a forced stop, a lost lock, a time-out
				return context.Cause(ctx)
			}
		}),
	)
	fmt.Println("exit status", d.Run(context.Background()))
	// Output:
	// letter a
	// letter b
	// exit status 0
}

// A schedule is anything that answers when the next tick is, such as what cron's
// parser has read.
func ExampleScheduled() {
	workdays, err := cron.ParseStandard("CRON_TZ=Europe/Berlin 30 2 * * 1-5")
	if err != nil {
		panic(err)
	}
	d := core.New("nightly",
		quiet(),
		core.Scheduled(workdays),
		core.FirstTick(core.Immediately), // for the example, which does not wait
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			next := workdays.Next(time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)) // a Friday
			fmt.Println("next on", next.Format(time.RFC1123))
			d.Stop("enough")
			return nil
		}),
	)
	fmt.Println("exit status", d.Run(context.Background()))
	// Output:
	// next on Mon, 30 Nov 2026 01:30:00 UTC
	// exit status 0
}

// Options that depend on the command line are declared by Configure, once that
// is parsed. FromFlag lets their errors name the flag.
func ExampleConfigure() {
	var every time.Duration
	d := core.New("poller",
		quiet(),
		core.Flags(func(app *kingpin.Application) {
			app.Flag("every", "Time from tick to tick.").Default("1s").DurationVar(&every)
		}),
		core.Configure(func(*core.Daemon) ([]core.Option, error) {
			return []core.Option{core.FromFlag("--every", core.Every(every))}, nil
		}),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			fmt.Println("a tick each", d.Interval())
			d.Stop("enough")
			return nil
		}),
	)
	d.Run(context.Background(), "--every", "5m")
	// Output: a tick each 5m0s
}

// With a lock the daemon is a single instance: a second one finds it held,
// leaves no trace and ends with status 0.
func ExampleWithLock() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	declare := func(execute core.Func) *core.Daemon {
		return core.New("poller", quiet(), core.Every(time.Second),
			core.WithLock(lock.File(filepath.Join(dir, "poller.lock"))), core.Execute(execute))
	}
	first := declare(func(_ context.Context, d *core.Daemon) error {
		second := declare(func(context.Context, *core.Daemon) error {
			fmt.Println("never")
			return nil
		})
		fmt.Println("the second one ends with", second.Run(context.Background()))
		d.Stop("enough")
		return nil
	})
	fmt.Println("the first one ends with", first.Run(context.Background()))
	// Output:
	// the second one ends with 0
	// the first one ends with 0
}

// counter is a plugin that counts what the daemon does.
type counter struct{ n int }

func (c *counter) Name() string { return "counter" }

func (c *counter) Check(context.Context, *core.Daemon) error {
	if os.Getenv("COUNTER_UNWANTED") != "" {
		return errors.New("COUNTER_UNWANTED is set: unset it")
	}
	return nil
}

func (c *counter) Setup(context.Context, *core.Daemon) error {
	fmt.Println("set up")
	return nil
}

func (c *counter) Teardown(context.Context, *core.Daemon) error {
	fmt.Println("torn down at", c.n)
	return nil
}

// A plugin checks its environment before anything is touched, and is set up
// and torn down with the daemon.
func ExamplePlugin() {
	var c counter
	core.New("poller",
		quiet(),
		core.Every(0),
		core.WithPlugins(&c),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			if c.n++; c.n == 2 {
				d.Stop("enough")
			}
			return nil
		}),
	).Run(context.Background())
	// Output:
	// set up
	// torn down at 2
}
