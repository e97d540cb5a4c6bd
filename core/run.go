package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

// Main runs the daemon as its command line says and ends the process with its
// exit status. It returns only on a host whose Exit does. In a test binary it
// panics, unless a host or a clock was declared: see Run.
//
// In a child that a task was forked for it runs the task: what comes before
// Main runs there, too.
func (d *Daemon) Main() {
	forker.MainOf(d.setUpChild)
	if d.ran.Swap(true) {
		d.refuseAgain()
		return
	}
	if err := d.prepare(); err != nil {
		panic(err)
	}
	d.run(context.Background(), d.host.Args, d.host.Exit)
}

// Run runs the daemon with the given command line arguments inside a larger
// program, and returns its exit status. It stops gracefully when ctx is done.
// SIGHUP still replaces the whole process.
//
// In a test binary it refuses to run on the real machine, which is most often
// an oversight: package daemontest plays daemons in tests. WithHost(host.Real())
// says that the real machine is meant.
//
// In a child that a task was forked for it runs the task, and does not return.
func (d *Daemon) Run(ctx context.Context, args ...string) int {
	forker.MainOf(d.setUpChild)
	if d.ran.Swap(true) {
		return d.refuseAgain()
	}
	if err := d.prepare(); err != nil {
		fmt.Fprintln(host.Stderr(), err)
		return 1
	}
	return d.run(ctx, args, func(int) {})
}

// refuseAgain tells that the daemon has run, or runs, and touches nothing of it.
func (d *Daemon) refuseAgain() int {
	stderr := host.Stderr()
	if set := d.declared(); set.host != nil {
		stderr = set.host.Stderr
	}
	fmt.Fprintf(stderr, "%s: this Daemon has run already: declare a new one with core.New\n", d.name)
	return 1
}

// prepare folds the options a first time, for what is needed before the
// command line is parsed. Its error says that the daemon must not run here.
func (d *Daemon) prepare() error {
	d.set = d.declared()
	if d.set.host == nil && d.set.clock == nil && host.InTest() {
		return fmt.Errorf("%s: the daemon is not run: it is on the real machine, in a test binary. "+
			"Play it with daemontest.Run(t, New, …), where New hands its extra options on to core.New; "+
			"a test that means the real machine declares core.WithHost(host.Real())", d.name)
	}
	if d.set.host != nil {
		d.host = *d.set.host
	} else {
		d.host = host.Real()
	}
	if d.set.clock != nil {
		d.host.Clock = d.set.clock
	}
	d.counters.epoch = d.host.Clock.Now()
	d.startedAt, d.begunAt = d.host.Clock.Wall(), d.host.Clock.Boot()
	d.log = logfile.New(logfile.Config{
		Daemon: d.name, Host: d.host.Name, PID: d.PID(), Clock: d.host.Clock, Files: d.host.Files,
		Stdout: d.host.Stdout, Stderr: d.host.Stderr, Resolve: d.Path,
		Opened:  func(path string) { _ = d.followLog(path) }, // the next file may do
		Observe: d.observeLog,
	})
	d.wireChildren()
	return nil
}

// run lives a program's whole life and calls exit with its status, unless
// another program has taken the process over, or a harness has killed it. A
// real exit does not return, so that a signal finds the daemon's handlers in
// place to the last; what is left otherwise is disposed of after it.
func (d *Daemon) run(ctx context.Context, args []string, exit func(code int)) int {
	code, m := d.start(ctx, args)
	over := true
	if m != nil {
		defer m.dispose()
		code, over = m.run(ctx)
	}
	if over {
		exit(code)
	}
	return code
}

// start does what the command line asks for. Where that is to run the daemon,
// it returns the machine, whose life has begun; else nil and the exit status.
func (d *Daemon) start(ctx context.Context, args []string) (code int, m *machine) {
	if err := d.parse(args); err != nil {
		return d.refuse(err.Error()), nil
	}
	if d.cmd.done {
		return 0, nil
	}
	d.fold()
	d.findStateFile()
	origin := d.host.Process.Origin.Kind
	switch {
	case d.cmd.instructions:
		return d.printInstructions(args), nil
	case d.cmd.send != "":
		return d.sendSignal(ctx), nil
	case d.cmd.testAlert:
		return d.sendTestAlert(ctx), nil
	case d.cmd.check:
		return d.checkAndTell(ctx), nil
	case origin == reexec.Trial:
		return d.checkOnly(ctx), nil
	case d.cmd.init && d.PID() == 1 && origin == reexec.Fresh && d.host.Init != nil:
		return d.runInit(args), nil
	case d.cmd.detach && origin == reexec.Fresh:
		return d.launch(ctx, args), nil
	case origin == reexec.Restarted, origin == reexec.Respawned:
		d.inherit()
	}
	if d.inherited != nil && d.inherited.Died == 0 {
		d.life.inherit(d.PID())
	}
	d.children.Args = args
	m = newMachine(d, args, &lifecycle)
	d.alerts.Resume() // now that the loop has its timer, which a harness knows by its being the first
	m.listen()
	m.begin()
	return 0, m
}

// fold applies the options a second time, now that Configure has values.
func (d *Daemon) fold() {
	values, err := d.values()
	d.set = defaults()
	d.set.expand = d
	d.refused = errors.Join(err, d.set.apply(d.options), d.set.setValues(values))
	if d.set.maxChildren > 0 {
		d.children.Max = d.set.maxChildren
	}
	if d.set.childOptions != nil {
		d.children.Options = d.set.childOptions
	}
	hooks := &d.host.Hooks
	if d.set.lock != nil {
		d.set.lock = d.bound(d.set.lock)
	}
	if f := d.set.execute; f != nil && hooks.Execute != nil {
		execute := hooks.Execute(func(ctx context.Context) error { return f(ctx, d) })
		d.set.execute = func(ctx context.Context, _ *Daemon) error { return execute(ctx) }
	}
	if d.set.alerts != nil && hooks.Sender != nil {
		d.set.alerts = hooks.Sender(d.set.alerts)
	}
	d.ticks = tickFile{records: d.host.Records, path: d.Path(d.set.tickFile), logf: d.Logf}
	d.alerts = d.newAlertQueue()
	d.log.Configure(logfile.Settings{
		Name: d.set.logName, Handler: d.set.logHandler, Level: d.set.logLevel, JSON: d.set.logJSON, Cleaner: d.set.logCleaner,
		Verbose: d.Verbose(), Silent: d.cmd.detach,
	})
}

// bound gives a lock its folder and clock, and lets a harness put its own in.
func (d *Daemon) bound(l lock.Locker) lock.Locker {
	dir := d.host.Process.Origin.Dir
	if b, ok := l.(lock.Binder); ok && filepath.IsAbs(dir) {
		l = b.Bind(dir, d.host.Clock)
	}
	if b, ok := l.(lock.IntervalBinder); ok {
		l = b.BindInterval(d.set.pacing.Interval)
	}
	if path, is := strings.CutPrefix(l.String(), "file:"); is {
		d.set.lockPath = path
	}
	if d.host.Hooks.Locker != nil {
		l = d.host.Hooks.Locker(l)
	}
	return l
}

// inherit takes over what the program before handed over.
func (d *Daemon) inherit() {
	h, err := readHandover(d.host.Process.Origin.State)
	if err != nil {
		d.Logf("Warning: %v", err)
		return
	}
	d.inherited = h
	if h.Died != 0 {
		d.history.adopt(h.Restarts)
		return
	}
	d.startedAt = h.Started
	d.counters.restore(h.stats())
	d.history.restore(h.Restarts)
	d.log.TakeOver(h.Log)
	if err := d.alerts.Restore(h.Alerts); err != nil {
		d.Logf("Warning: %v", err)
	}
}

// setUpChild runs Setup in a child of the daemon, which was forked WithSetup, and
// returns what undoes it. What is logged and alerted goes to the daemon.
func (d *Daemon) setUpChild(ctx context.Context, c *forker.Child, args []string) (func(ctx context.Context) error, error) {
	d.ran.Store(true)
	if err := d.prepare(); err != nil {
		return nil, err
	}
	d.child = c
	if err := d.parse(args); err != nil {
		return nil, err
	}
	d.fold()
	if d.refused != nil {
		return nil, d.refused
	}
	d.log = logfile.New(logfile.Config{
		Daemon: d.name, Host: d.host.Name, PID: d.PID(), Clock: d.host.Clock, Files: d.host.Files,
		Stdout: io.Discard, Stderr: d.host.Stderr, Resolve: d.Path,
		Observe: func(_ int, message string) { c.Logf("%s", message) },
	})
	d.log.Configure(logfile.Settings{Level: d.set.logLevel})
	tearDown := func(ctx context.Context) error {
		d.tearDown(ctx)
		return nil
	}
	err := d.warmUp(ctx)
	if err == nil {
		err = d.setUp(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, tearDown(context.WithoutCancel(ctx)))
	}
	return tearDown, nil
}
