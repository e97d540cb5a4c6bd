package core

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/logfile"
)

// Daemon is a program that keeps running. New declares it, Main runs it. Its
// methods are safe for concurrent use; those that tell of a run (Logf,
// Iteration, …) have a meaning from the environment checks on.
type Daemon struct {
	name    string
	options []Option
	set     declaration // not written after the options are folded
	refused error       // what the options refused

	process
	shared
}

// shared is what many goroutines read and write; each part guards itself.
type shared struct {
	queue         *eventQueue
	log           *logfile.Log
	alerts        alertQueue
	waitingLogged atomic.Bool // how many alerts wait at the end
	recent        recentLog
	counters      counters
	history       restartHistory
	cleanups      cleanups
	stopNotice
	interval atomic.Int64 // of the latest iteration, in ns, where a schedule decides
	ticks    tickFile
	lease    atomic.Pointer[leaseRenewer] // nil: none is held
	children forker.Group
	results  resultQueue
	child    *forker.Child // this process is one, and runs Setup and a task
	ran      atomic.Bool
	report   sync.Once // of the start

	alertHandlers atomic.Pointer[handlerQueue] // of HookError, for Alertf; nil before setup, and where there are none
	reported      atomic.Bool
	logFile       atomic.Pointer[string] // as the disk knows it; nil before there is one
	life          stateFile
}

// New declares a daemon. name stands in logs, alerts and messages; it should
// be the program's own. Nothing happens before Main or Run, and what the
// options refuse is told then. A Daemon runs once.
func New(name string, options ...Option) *Daemon {
	d := &Daemon{name: name, options: options, shared: shared{queue: newEventQueue()}}
	d.children.Refuse() // until setup
	return d
}

// Name returns the daemon's name.
func (d *Daemon) Name() string { return d.name }

// Clock returns the clock that the daemon runs by. Before Main and Run it is the
// declared one, and nil where that is the real machine's.
func (d *Daemon) Clock() clockwork.Clock {
	if d.ran.Load() {
		return d.host.Clock
	}
	set := d.declared()
	if set.clock == nil && set.host != nil {
		return set.host.Clock
	}
	return set.clock
}

// declared folds the options. What they refuse is told when they are folded for
// the run.
func (d *Daemon) declared() declaration {
	set := defaults()
	_ = set.apply(d.options)
	return set
}

// Detached reports whether the daemon runs detached, as -d asks.
func (d *Daemon) Detached() bool { return d.cmd.detach }

// Verbose reports whether -v was given and has an effect: the log goes to
// standard output, too.
func (d *Daemon) Verbose() bool { return d.cmd.verbose && !d.cmd.detach }

// PID returns the number of the daemon's process, which no restart changes; 0
// before Main and Run.
func (d *Daemon) PID() int { return d.host.Process.PID }

// Uptime returns how long the process has been ready, over all its programs, the
// time that the machine was suspended included; 0 before it is.
func (d *Daemon) Uptime() time.Duration {
	up := d.history.upSince()
	if up == 0 {
		return 0
	}
	return (d.host.Clock.Boot() - up).Round(time.Millisecond)
}

// Iteration returns the number of the current or latest iteration, counted over
// all programs of the process; 0 before the first.
func (d *Daemon) Iteration() int64 { return d.counters.iteration.Load() }

// Interval returns the time between two ticks; 0 where there is no grid. With
// Scheduled it is the time between the latest iteration's tick and the next one.
func (d *Daemon) Interval() time.Duration {
	switch p := &d.set.pacing; {
	case d.set.calendar != nil:
		return time.Duration(d.interval.Load())
	case p.HasGrid():
		return p.Interval
	default:
		return 0
	}
}

// pacing returns what the iteration that runs, or the latest, is measured by.
func (d *Daemon) pacing() clockwork.Pacing {
	p := d.set.pacing
	if d.set.calendar != nil {
		p.Interval = time.Duration(d.interval.Load())
	}
	return p
}

// left returns the time until the next start after an iteration that took that
// long.
func (d *Daemon) left(took time.Duration) time.Duration {
	p := d.pacing()
	return p.Left(took)
}

// Restarts returns how often the process has restarted in place.
func (d *Daemon) Restarts() int64 { return d.history.restarts() }

// Path resolves a relative path against the folder in which the command was
// typed, which is what people mean by it, whatever the working directory is
// now and after any restart.
func (d *Daemon) Path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.host.Process.Origin.Dir, path)
}

// Stats returns what is known of the iterations so far.
func (d *Daemon) Stats() Stats {
	s := d.counters.stats(d.host.Clock.Now())
	s.Restarts, s.ErrorRestarts = d.history.counts()
	return s
}

// Stop asks the daemon to stop as a first SIGTERM does; to ask again changes
// nothing. It does not wait.
func (d *Daemon) Stop(cause string) {
	d.queue.post(event{kind: stopAsked, cause: cause})
}

// Restart asks the daemon to restart in place as SIGHUP does. It does not
// wait.
func (d *Daemon) Restart(cause string) {
	d.queue.post(event{kind: restartAsked, cause: cause})
}

// Logf writes a message to the log, formatted as by fmt.Sprintf.
func (d *Daemon) Logf(format string, args ...any) { d.log.Printf(format, args...) }

// Debugf is Logf for what helps to find a fault: it is logged, as "Debug: …", where
// LogLevel is logfile.Debug, and costs nearly nothing elsewhere.
func (d *Daemon) Debugf(format string, args ...any) {
	if d.log.Enabled(logfile.Debug) {
		d.log.PrintAt(logfile.Debug, logfile.Debug.Word()+fmt.Sprintf(format, args...))
	}
}

// Log returns the log, for package logfile/slogger: it lets log/slog write to
// it.
func (d *Daemon) Log() *logfile.Log { return d.log }

// Fatalf ends the iteration with a fatal error, from whatever depth of Execute,
// Setup or Teardown it is called; in another goroutine it crashes the program.
func (d *Daemon) Fatalf(format string, args ...any) {
	panic(fatalError{fmt.Errorf(format, args...)})
}

// observe tells a harness; nobody in production.
func (d *Daemon) observe(o host.Observation) {
	if d.host.Hooks.Observe != nil {
		d.host.Hooks.Observe(o)
	}
}

func (d *Daemon) version() string {
	if d.set.version == "" {
		return "not declared"
	}
	return d.set.version
}

// logPath returns where the log file is now; empty for a standard stream.
func (d *Daemon) logPath() string {
	if d.set.logName == nil {
		return ""
	}
	path := d.set.logName(d.host.Clock.Wall())
	if logfile.IsStream(path) {
		return ""
	}
	return d.Path(path)
}

// restartsByItself reports whether the daemon may restart without being asked:
// not in the foreground, where a person is watching.
func (d *Daemon) restartsByItself() bool { return d.Detached() || d.supervised() }

// supervised reports whether somebody starts the process again should it end,
// as the runtime of a container does for its PID 1.
func (d *Daemon) supervised() bool {
	return d.set.supervised || d.host.Supervisor.Detected() || d.PID() == 1 || d.cmd.init
}

// refuse tells an error that keeps the daemon from starting, to people and to
// the process that waits for the start, and returns the exit status.
func (d *Daemon) refuse(message string) int {
	if k := d.host.Process.Origin.Kind; k == reexec.Fresh || k == reexec.Restarted {
		fmt.Fprintf(d.host.Stderr, "%s: %s\n", d.name, message)
	}
	d.reportStart(reexec.Report{Code: 1, Message: d.name + ": " + message})
	return 1
}

// reportStart tells the launcher, or the program that tries this one, how the
// start went; the first time only.
func (d *Daemon) reportStart(r reexec.Report) {
	d.report.Do(func() {
		if err := d.host.Self.Report(r); err != nil {
			d.Logf("Warning: could not report the start to the launcher: %v", err)
		}
	})
}

// notify tells the supervisor, if there is one.
func (d *Daemon) notify(state string) {
	if err := d.host.Supervisor.Notify(state); err != nil {
		d.Logf("Warning: could not tell the supervisor %s: %v", state, err)
	}
}

// reply tells a process that waits for it what became of its -s verb.
func (d *Daemon) reply(verb, verdict, text string) {
	if d.cmd.pidFile != "" {
		d.host.Replies.Give(d.Path(d.cmd.pidFile), verb+" "+verdict+" "+text)
	}
}
