// Command drill is a daemon that misbehaves on request: flags make it overrun,
// hang, fail or panic, so that anybody can see what Evertick does about it.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	_ "github.com/evertick/evertick/lock/memcachedlock" // --lock memcached://…
	"github.com/evertick/evertick/logfile"
	_ "github.com/evertick/evertick/mail/smtp" // --alerts smtp://…
	"github.com/evertick/evertick/plugin/ini"
)

func main() { New().Main() }

// drill is what the flags ask for.
type drill struct {
	work, warmUp, setup               time.Duration
	witness                           string
	hang, failAfter, panicAt, crashAt int64
	standby, unwatched                bool
	backoff                           time.Duration
	leak                              int64
	leaked                            [][]byte
	spool                             string
	children                          children
}

// New declares the daemon. A test adds its options.
func New(extra ...core.Option) *core.Daemon {
	var r drill
	return core.New("drill", append([]core.Option{
		core.Every(time.Second),
		core.WithLock(lock.File(core.RuntimePath("drill.lock"))),
		core.WithLog(logfile.Fixed(core.RuntimePath("drill.log"))),
		core.StandardFlags(),
		core.WithPlugins(ini.File("drill.ini", ini.Optional())), // --ini FILE
		core.Flags(r.flags),
		core.Configure(r.options),
		core.CheckEnvironment(r.checkWitness),
		core.WarmUp(func(ctx context.Context, d *core.Daemon) error { return pause(ctx, d, r.warmUp) }),
		core.Setup(func(ctx context.Context, d *core.Daemon) error { return pause(ctx, d, r.setup) }),
		core.Execute(r.execute),
	}, extra...)...)
}

func (r *drill) flags(app *kingpin.Application) {
	app.Flag("standby", "Wait for a lock that is held, instead of ending.").BoolVar(&r.standby)
	app.Flag("spool", "Folder in which alert mail waits until it is delivered; beside the log by default.").
		PlaceHolder("DIR").StringVar(&r.spool)
	app.Flag("unwatched", "With -d: no watcher starts the daemon again should it be killed.").BoolVar(&r.unwatched)
	app.Flag("backoff", "Pause before each restart after an error.").PlaceHolder("TIME").Default("-1ns").Hidden().DurationVar(&r.backoff)
	app.Flag("work", "An execute takes this long.").DurationVar(&r.work)
	app.Flag("warm-up", "A warm-up takes this long: what a standby does while it waits for the lock.").DurationVar(&r.warmUp)
	app.Flag("setup", "A setup takes this long.").DurationVar(&r.setup)
	app.Flag("hang", "Execute number N ignores everything and never returns.").PlaceHolder("N").Int64Var(&r.hang)
	app.Flag("fail-after", "Execute number N and all later ones return an error.").PlaceHolder("N").Int64Var(&r.failAfter)
	app.Flag("panic-at", "Execute number N panics.").PlaceHolder("N").Int64Var(&r.panicAt)
	app.Flag("crash-at", "During execute number N a goroutine of its own panics, which ends the program.").
		PlaceHolder("N").Int64Var(&r.crashAt)
	app.Flag("leak", "Each execute takes N MB of memory and keeps them.").PlaceHolder("N").Int64Var(&r.leak)
	app.Flag("witness", "Append start and end of each execute to FILE, with PID, lock token and CLOCK_BOOTTIME in ns.").
		PlaceHolder("FILE").StringVar(&r.witness)
	r.children.flags(app)
}

func (r *drill) options(d *core.Daemon) ([]core.Option, error) {
	if err := r.children.limit(d); err != nil {
		return nil, err
	}
	for flag, takes := range map[string]time.Duration{"--work": r.work, "--warm-up": r.warmUp, "--setup": r.setup} {
		if takes < 0 {
			return nil, fmt.Errorf("%s %s is negative: give 0 or more", flag, takes)
		}
	}
	var options []core.Option
	if r.standby {
		options = append(options, core.Standby())
	}
	if r.unwatched {
		options = append(options, core.Unwatched())
	}
	if r.backoff >= 0 {
		options = append(options, core.RestartBackoff(r.backoff, r.backoff))
	}
	if r.spool != "" {
		options = append(options, core.WithSpool(r.spool))
	}
	return options, nil
}

func (r *drill) execute(ctx context.Context, d *core.Daemon) error {
	n := d.Iteration()
	if err := r.testify(d, "start"); err != nil {
		return err
	}
	d.Logf("beat %d", n)
	if r.leak > 0 {
		r.leaked = append(r.leaked, bytes.Repeat([]byte{1}, int(r.leak)<<20))
	}
	if n == r.crashAt {
		go panic(fmt.Sprintf("beat %d was told to crash", n))
		select {} // until it has
	}
	if err := errors.Join(r.children.start(d), r.children.call(ctx, d)); err != nil {
		return err
	}
	if n == r.hang {
		select {} // forever
	}
	if err := pause(ctx, d, r.work); err != nil {
		return errors.Join(err, r.testify(d, "end"))
	}
	if err := r.testify(d, "end"); err != nil {
		return err
	}
	switch {
	case n == r.panicAt:
		panic(fmt.Sprintf("beat %d was told to panic", n))
	case r.failAfter > 0 && n >= r.failAfter:
		return fmt.Errorf("beat %d was told to fail", n)
	}
	return nil
}

// pause is work that ends when its context is cancelled.
func pause(ctx context.Context, d *core.Daemon, work time.Duration) error {
	if work == 0 {
		return nil
	}
	t := d.Clock().NewTimer(work)
	defer t.Stop()
	select {
	case <-t.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// testify appends one line to the witness file, in one write.
func (r *drill) testify(d *core.Daemon, what string) error {
	if r.witness == "" {
		return nil
	}
	f, err := os.OpenFile(d.Path(r.witness), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %d %d %d\n", what, os.Getpid(), d.Lease().Token, d.Clock().Boot().Nanoseconds())
	return errors.Join(err, f.Close())
}

func (r *drill) checkWitness(_ context.Context, d *core.Daemon) error {
	if r.witness == "" {
		return nil
	}
	info, err := os.Stat(d.Path(r.witness))
	switch {
	case err != nil || info.Size() == 0 && info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return fmt.Errorf("--witness %s is a folder: give a file", r.witness)
	case !info.Mode().IsRegular():
		return fmt.Errorf("--witness %s is no file: give one", r.witness)
	}
	if text, err := os.ReadFile(d.Path(r.witness)); err == nil && !strings.HasPrefix(string(text), "start ") {
		return fmt.Errorf("--witness %s holds something else than executes: name another file, or remove it", r.witness)
	}
	return nil
}
