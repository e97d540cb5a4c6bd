package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
)

// printer is what the task print is told.
type printer struct{ Bytes int }

// tasks are the tasks that --task names.
var tasks = map[string]*forker.Task[printer, string]{
	"finish": task("finish", func(context.Context, *forker.Child, printer) error { return nil }),

	"crash": task("crash", func(context.Context, *forker.Child, printer) error {
		var nothing *printer
		go func() { nothing.Bytes++ }() // in a goroutine of its own nothing catches it
		select {}
	}),

	"hang": task("hang", func(_ context.Context, c *forker.Child, _ printer) error {
		c.Logf("hanging")
		select {}
	}),

	"print": task("print", func(_ context.Context, c *forker.Child, p printer) error {
		line := strings.Repeat("x", 99) + "\n"
		for left := p.Bytes; left > 0; left -= len(line) {
			if _, err := io.WriteString(c.Stdout(), line[max(0, len(line)-left):]); err != nil {
				return err
			}
		}
		return nil
	}),

	"grandchild": task("grandchild", func(_ context.Context, c *forker.Child, _ printer) error {
		another := exec.Command("sleep", "3600") //nolint:forbidigo // in a process of the task's own
		if err := another.Start(); err != nil {
			return err
		}
		c.Logf("left the process %d", another.Process.Pid)
		return nil
	}),

	"stubborn": task("stubborn", func(_ context.Context, c *forker.Child, _ printer) error {
		signal.Ignore(syscall.SIGTERM) //nolint:forbidigo // in a process of the task's own
		c.Logf("ignoring SIGTERM")
		select {}
	}),

	"outlive": task("outlive", func(ctx context.Context, c *forker.Child, _ printer) error {
		enough := make(chan os.Signal, 1)
		signal.Notify(enough, syscall.SIGUSR2) //nolint:forbidigo // in a process of the task's own
		for n := 1; ; n++ {
			c.Logf("outliving %d", n)
			select {
			case <-time.After(50 * time.Millisecond): //nolint:forbidigo // likewise
			case <-enough:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}, forker.OutliveRestart()),
}

func task(name string, run func(context.Context, *forker.Child, printer) error, options ...forker.Option) *forker.Task[printer, string] {
	return forker.NewTask(name, func(ctx context.Context, c *forker.Child, p printer) (string, error) {
		return name, run(ctx, c, p)
	}, options...)
}

// squares are the workers of --calls, and square is what they are asked for.
var (
	squares = forker.NewPool("squares", forker.PoolConfig{Workers: 2})

	square = forker.NewMethod(squares, "square", func(_ context.Context, _ *forker.Child, n int) (int, error) {
		return n * n, nil
	})
)

// children is what the flags ask for of them.
type children struct {
	fork, most, printBytes int
	task                   string
	calls                  int

	forked, refused   int // so far, by this program
	answered, unknown int // calls, likewise
}

func (k *children) flags(app *kingpin.Application) {
	app.Flag("fork", "Each execute forks N tasks.").PlaceHolder("N").IntVar(&k.fork)
	app.Flag("task", "What they do: finish, crash, hang, print, grandchild, stubborn or outlive (a restart; SIGUSR2 ends it).").
		Default("finish").EnumVar(&k.task, "finish", "crash", "hang", "print", "grandchild", "stubborn", "outlive")
	app.Flag("print-bytes", "The task print writes so many bytes.").Default("1000000").IntVar(&k.printBytes)
	app.Flag("max-children", "At most N children at once; what is over it is refused and counted.").
		Default(fmt.Sprint(forker.DefaultMax)).IntVar(&k.most)
	app.Flag("calls", "Each execute makes N calls to two warm workers, and waits for the answers.").PlaceHolder("N").IntVar(&k.calls)
}

// limit returns what is wrong with the flags, and sets the limit.
func (k *children) limit(d *core.Daemon) error {
	for _, flag := range []struct {
		name         string
		value, least int
	}{{"--fork", k.fork, 0}, {"--print-bytes", k.printBytes, 0}, {"--max-children", k.most, 1}, {"--calls", k.calls, 0}} {
		if flag.value < flag.least {
			return fmt.Errorf("%s %d is too small: give %d or more", flag.name, flag.value, flag.least)
		}
	}
	d.Children().Max = k.most
	return nil
}

// start forks the tasks of a beat. Those that the program before has left are
// waited for.
func (k *children) start(d *core.Daemon) error {
	for _, h := range tasks["outlive"].Adopted(d) {
		go func() {
			name, err := h.Wait(context.Background())
			d.Logf("the task that has outlived a restart, PID %d, has returned %q, %v", h.PID(), name, err)
		}()
	}
	if k.fork == 0 {
		return nil
	}
	for range k.fork {
		switch _, err := tasks[k.task].Fork(d, printer{k.printBytes}); {
		case errors.Is(err, forker.ErrClosed): // the daemon is about to end
		case errors.Is(err, forker.ErrFull), errors.Is(err, forker.ErrEarlyDeaths):
			k.refused++
		case err != nil:
			return err
		default:
			k.forked++
		}
	}
	d.Logf("forked %d tasks so far; %d were refused", k.forked, k.refused)
	return nil
}

// call makes the calls of a beat. Those that have no answer are counted.
func (k *children) call(ctx context.Context, d *core.Daemon) error {
	if k.calls == 0 {
		return nil
	}
	calls := make(map[int]*forker.Call[int], k.calls)
	for n := range k.calls {
		c, err := square.Submit(ctx, d, n)
		if err != nil {
			k.unknown++
			continue
		}
		calls[n] = c
	}
	for n, c := range calls {
		switch answer, err := c.Wait(ctx); {
		case err != nil:
			k.unknown++
		case answer != n*n:
			return fmt.Errorf("the square of %d is not %d", n, answer)
		default:
			k.answered++
		}
	}
	d.Logf("%d calls were answered so far; %d had no answer", k.answered, k.unknown)
	return nil
}
