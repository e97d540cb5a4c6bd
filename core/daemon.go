package core

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
)

// Daemon is a program that keeps running. New declares it, Main runs it. Its
// methods are safe for concurrent use; those that tell of a run (Log,
// Iteration, …) have a meaning from the environment checks on.
type Daemon struct {
	name    string
	options []Option
	set     settings
	declare error // what the options refused

	host  Host
	cmd   commandLine
	birth forker.Birth
	next  *carried // what the image before handed over; nil for the first one

	log     *logbook
	mail    *mailbox
	alerts  *alertQueue
	account account
	epoch   time.Time // a fixed reading of Clock.Now, for account.started
	begun   time.Time // wall-clock time of the process's first start
	undo    stages

	ran    atomic.Bool
	report sync.Once
	token  atomic.Uint64
	past   history
}

// New declares a daemon. name stands in logs, alerts and messages; it should
// be the program's own. Nothing happens before Main or Run, and whatever the
// options refuse is told then. A Daemon runs once.
func New(name string, options ...Option) *Daemon {
	return &Daemon{name: name, options: options, mail: newMailbox()}
}

// Main runs the daemon as its command line says and ends the process with its
// exit status. It returns only on a host whose Exit does.
func (d *Daemon) Main() {
	d.prepare()
	code, over := d.run(context.Background(), d.host.Args)
	if over {
		d.host.Exit(code)
	}
}

// Run runs the daemon with the given command line arguments inside a larger
// program, and returns its exit status. It stops gracefully when ctx is done.
// SIGHUP still replaces the whole process.
func (d *Daemon) Run(ctx context.Context, args ...string) int {
	d.prepare()
	code, _ := d.run(ctx, args)
	return code
}

// prepare folds the options a first time, for what is needed before the
// command line is parsed.
func (d *Daemon) prepare() {
	d.set = defaults()
	_ = d.set.apply(d.options) // told after the second fold
	if d.set.host != nil {
		d.host = *d.set.host
	} else {
		d.host = RealHost()
	}
	if d.set.clock != nil {
		d.host.Clock = d.set.clock
	}
	d.birth = d.host.Processes.Birth()
	d.epoch = d.host.Clock.Now()
	d.begun = d.host.Clock.Wall()
	d.log = newLogbook(d)
}

// run is a whole image's life. over is false when another image has taken the
// process over, or a harness has killed it: then nothing may follow.
func (d *Daemon) run(ctx context.Context, args []string) (code int, over bool) {
	if d.ran.Swap(true) {
		return d.refuse("this Daemon has run already: declare a new one with core.New"), true
	}
	if err := d.parse(args); err != nil {
		return d.refuse(err.Error()), true
	}
	switch {
	case d.cmd.done:
		return 0, true
	case d.cmd.instructions:
		return d.instruct(), true
	case d.cmd.send != "":
		return d.sendSignal(ctx), true
	}
	d.fold()
	switch {
	case d.birth.Kind == forker.Trial:
		return d.tryOut(ctx), true
	case d.cmd.detach && d.birth.Kind == forker.Fresh:
		return d.launch(ctx, args), true
	}
	m := newMachine(d, args)
	defer m.dispose()
	return m.run(ctx)
}

// fold applies the options a second time, now that Configure has values.
func (d *Daemon) fold() {
	host := d.host
	d.set = defaults()
	d.set.expand, d.set.d = true, d
	d.declare = d.set.apply(d.options)
	d.host = host
	if d.set.lock != nil {
		d.set.lock = d.rooted(d.set.lock)
	}
	if d.host.Execute != nil && len(d.set.execute) > 0 {
		d.set.execute = []Func{d.host.Execute(d.set.execute[0])}
	}
	if d.host.Sender != nil && d.set.alerts != nil {
		d.set.alerts = d.host.Sender(d.set.alerts)
	}
	d.alerts = newAlertQueue(d)
	d.configureLog()
}

// refuse tells an error that keeps the daemon from starting, to people and to
// whoever waits for the start, and returns the exit status.
func (d *Daemon) refuse(message string) int {
	if d.birth.Kind == forker.Fresh || d.birth.Kind == forker.Restarted {
		fmt.Fprintf(d.host.Stderr, "%s: %s\n", d.name, message)
	}
	d.reportStart(forker.Report{Code: 1, Message: d.name + ": " + message})
	return 1
}

// reportStart tells the launcher, or the image that tries this one, how the
// start went; the first time only.
func (d *Daemon) reportStart(r forker.Report) {
	d.report.Do(func() {
		if err := d.host.Processes.Report(r); err != nil {
			d.Logf("Warning: could not report the start to the launcher: %v", err)
		}
	})
}

// Name is the daemon's name.
func (d *Daemon) Name() string { return d.name }

// Clock is the clock that the daemon runs by.
func (d *Daemon) Clock() clockwork.Clock { return d.host.Clock }

// Detached reports whether the daemon runs detached, as -d asks.
func (d *Daemon) Detached() bool { return d.cmd.detach }

// Iteration is the number of the current or latest iteration, counted over all
// images of the process; 0 before the first.
func (d *Daemon) Iteration() int64 { return d.account.iteration.Load() }

// Interval is the distance of two ticks; 0 where there is no grid.
func (d *Daemon) Interval() time.Duration {
	if d.set.paced&pacedAfter != 0 {
		return 0
	}
	return d.set.interval
}

// Restarts is how often the process has restarted in place.
func (d *Daemon) Restarts() int64 { return d.past.count() }

// FencingToken is the fencing token of the lock: it grows with each new owner, and a
// restart in place keeps it. 0 means that there is none.
func (d *Daemon) FencingToken() uint64 { return d.token.Load() }

// Path resolves a relative path against the folder in which the command was
// typed, which is what people mean by it, whatever the working directory is
// now and after any restart.
func (d *Daemon) Path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.birth.Dir, path)
}

// Stop asks the daemon to stop as a first SIGTERM does; to ask again changes
// nothing. It does not wait.
func (d *Daemon) Stop(cause string) {
	d.mail.post(event{kind: StopAsked, cause: cause})
}

// Restart asks the daemon to restart in place as SIGHUP does. It does not
// wait.
func (d *Daemon) Restart(cause string) {
	d.mail.post(event{kind: RestartAsked, cause: cause})
}

// Logf writes a message to the log, formatted as by fmt.Sprintf.
func (d *Daemon) Logf(format string, args ...any) { d.log.printf(format, args...) }

// Logger writes to the same log. Its attributes follow the message as
// key=value; with WithJSONLog they are members of the object.
func (d *Daemon) Logger() *slog.Logger { return slog.New(d.log.handler()) }

// Alertf logs a message and mails it to the alert list.
func (d *Daemon) Alertf(format string, args ...any) {
	d.alert(subjectAlert, fmt.Sprintf(format, args...))
}

// Fatalf ends the iteration with a fatal error, from whatever depth of Execute,
// Setup or Teardown it is called; in another goroutine it crashes the program.
func (d *Daemon) Fatalf(format string, args ...any) {
	panic(fatal{fmt.Errorf(format, args...)})
}

// Stats is what is known of the iterations so far.
func (d *Daemon) Stats() Stats {
	s := d.account.stats()
	s.Restarts, s.ErrorRestarts = d.past.counts()
	if up := d.host.Clock.Now().Sub(d.epoch); up > 0 {
		s.Busy = float64(d.account.busySoFar()) / float64(up)
	}
	return s
}
