package core

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// The policies of MissedTicks and FirstTick; package clockwork explains them.
const (
	// Coalesce makes up for all missed ticks by one iteration that starts at
	// once; the grid is met again after it. It is the default.
	Coalesce = clockwork.Coalesce

	// Skip drops missed ticks and waits for the next point of the grid.
	Skip = clockwork.Skip

	// CatchUp makes up for every missed tick, back to back.
	CatchUp = clockwork.CatchUp

	// Immediately starts the first iteration as soon as the daemon is set up.
	// It is the default.
	Immediately = clockwork.Immediately

	// AfterInterval starts the first iteration one interval later.
	AfterInterval = clockwork.AfterInterval

	// AlignedToClock puts the first tick, and so the whole grid, on the wall
	// clock's round numbers: for 5 s on the seconds 0, 5, 10 of the minute, for
	// an hour on the full hours. A later step of the wall clock moves no tick.
	AlignedToClock = clockwork.AlignedToClock
)

// Every sets the interval of the loop: iterations start on a grid of instants
// this far apart, however long each one takes. A negative interval is refused,
// and so is one below 100 µs (almost always a number without its unit) or above
// 366 days. A daemon declares one of Every and FixedDelay.
//
// 0 means no sleep at all, for a loop that blocks on its own work, such as a
// queue. It has to be written, because a loop that does not block takes a whole
// processor. Its Execute waits for [Daemon.Stopping] beside its work, or the
// first signal to stop would wait for work to come: see the example.
func Every(interval time.Duration) Option {
	return func(s *declaration) error {
		s.every, s.pacingRefused = true, false
		if err := checkInterval(interval); err != nil {
			s.pacingRefused = true
			return fmt.Errorf("interval %s %w", interval, err)
		}
		s.pacing.Interval = interval
		return nil
	}
}

// FixedDelay sets a pause instead of an interval: each iteration starts this long
// after the end of the one before. There is then no grid, no overrun and no
// missed tick. The same values are refused as by Every. It contradicts Every,
// FirstTick(AlignedToClock), MissedTicks, Spread and Jitter.
func FixedDelay(pause time.Duration) Option {
	return func(s *declaration) error {
		s.pacing.FixedDelay, s.pacingRefused = true, false
		if err := checkInterval(pause); err != nil {
			s.pacingRefused = true
			return fmt.Errorf("pause %s %w", pause, err)
		}
		s.pacing.Interval = pause
		return nil
	}
}

// Scheduled lets iterations start at the ticks of a schedule instead of on a grid:
// of anything that answers when the next tick is, by the wall clock, as the
// schedules do that github.com/robfig/cron/v3 parses. It contradicts Every and
// FixedDelay.
//
// Overruns, MissedTicks, Spread, Jitter and restarts are as on the grid; the
// interval is the time to the next tick. What a schedule does at a change to
// daylight saving time is its own matter: cron's leave out an hour that does not
// exist, and tick twice in one that comes twice. The first iteration is that of the
// schedule's first tick, unless FirstTick(Immediately) is declared. SIGCONT starts
// none. After a step of the wall clock the schedule is asked again, at once on
// Linux and elsewhere within a minute, and a tick that was served is not served
// again when the clock comes to it once more. Spread and Jitter must be less than the time between two ticks.
//
// A schedule that returns the zero time has no further tick: no iteration starts
// any more, and the daemon stays. One that panics, ends its goroutine, takes longer
// than 5 s or returns a time that is not after the one that it was asked for is a
// fatal error, as one of Execute is; the ticks meanwhile are missed ones. At the
// start it is refused.
func Scheduled(schedule clockwork.Calendar) Option {
	return func(s *declaration) error {
		s.calendar = schedule
		return nil
	}
}

// RememberTicks keeps the latest tick of a schedule in a file, which is whole at
// every instant. A daemon that did not run at its hour makes up for that at its
// next start, as MissedTicks says: by default with one iteration, at once. The
// tick is kept before its iteration begins, so no tick is served twice; one that
// a crash breaks off is not repeated. A file that cannot be read, or is of
// another schedule, is passed over; one that holds something else is refused. The path may be relative, see Daemon.Path;
// each daemon needs one of its own. It needs Scheduled.
func RememberTicks(path string) Option {
	return func(s *declaration) error {
		s.tickFile = path
		return nil
	}
}

func checkInterval(d time.Duration) error {
	switch {
	case d < 0:
		return errors.New("is negative: give 0 for no sleep at all, or a positive duration such as 5s")
	case d > 0 && d < minInterval:
		return fmt.Errorf("is below %s: was a unit forgotten? Give 0 for no sleep at all, or a duration such as 5s", minInterval)
	case d > maxInterval:
		return errors.New("is above 366 days: give a shorter one")
	}
	return nil
}

// MissedTicks says what becomes of ticks that passed during an overrun. The
// default is Coalesce.
func MissedTicks(p clockwork.MissedPolicy) Option {
	return func(s *declaration) error {
		s.pacing.Missed = p
		return nil
	}
}

// FirstTick says when the first iteration starts. The default is Immediately; with
// Scheduled it is the schedule's first tick.
func FirstTick(f clockwork.FirstTick) Option {
	return func(s *declaration) error {
		s.pacing.First, s.firstTick = f, true
		return nil
	}
}

// Spread shifts the whole grid by a part of max that depends on the daemon's
// and the machine's name alone, so that a fleet spreads out and each member
// keeps its place. It must be less than the interval.
func Spread(max time.Duration) Option {
	return func(s *declaration) error {
		s.pacing.Spread, s.pacing.Jitter = max, 0
		return checkShift("spread", max)
	}
}

// Jitter shifts each tick by a part of max of its own, which depends on the
// tick's number and the daemon's and the machine's name; the shifts do not add
// up. It must be less than the interval. Of Spread and Jitter the later one
// counts.
func Jitter(max time.Duration) Option {
	return func(s *declaration) error {
		s.pacing.Jitter, s.pacing.Spread = max, 0
		return checkShift("jitter", max)
	}
}

func checkShift(what string, max time.Duration) error {
	if max < 0 {
		return fmt.Errorf("%s %s is negative: give a duration from 0 up to the interval", what, max)
	}
	return nil
}

// Setup adds a function that runs once before the loop, in the order of the
// options. Its error shuts the daemon down with exit status 1. Its context is
// cancelled by a signal to stop.
func Setup(f Func) Option {
	return func(s *declaration) error {
		s.stages = append(s.stages, stage{setup: f})
		return nil
	}
}

// WarmUp adds a function that runs before Setup, in the order of the options, and
// that a standby runs while it waits for the lock: for what takes long and may be
// done beside a running holder, such as to connect and to fill caches. It must not
// touch what the lock protects, and forks no children; no Teardown undoes it. See
// Standby.
//
// It runs once in each program, after the checks; in a child that is forked with
// forker.WithSetup, too, but not where a new binary is only tried. Once the lock is
// won, Setup waits for its end, and the lease is renewed meanwhile. An error counts
// as one of Setup. Its context is cancelled by a signal to stop and by the loss of
// the lock; the end, and a restart, wait for its return as they do for Teardown.
func WarmUp(f Func) Option {
	return func(s *declaration) error {
		s.warmUps = append(s.warmUps, f)
		return nil
	}
}

// Execute sets the function that each iteration runs. It is required. An
// error or a panic out of it is a fatal error (see MaxConsecutiveFailures). Its context is
// cancelled by a forced stop, a lost lock or the time-out, not by a first
// SIGTERM: the iteration may finish.
func Execute(f Func) Option {
	return func(s *declaration) error {
		s.execute = f
		return nil
	}
}

// Teardown adds a function that runs once after the loop, in reverse order of
// the options. It undoes the Setups that stand before it: where one of those
// fails, it does not run; where a later one does, it runs. A forced stop skips
// it.
func Teardown(f Func) Option {
	return func(s *declaration) error {
		s.stages = append(s.stages, stage{teardown: f})
		return nil
	}
}

// CheckEnvironment adds a check of the environment. All checks run before anything is
// touched, and all their errors are told together. It runs in the child that
// tries a new binary, too, so it must change nothing. Where it fails after that, when
// the new program has taken the place of the old one, a daemon that was ready for
// 10 s goes on as after a fatal error of Execute: it sets nothing up, keeps its lock,
// and tries the next program after a pause.
func CheckEnvironment(f Func) Option {
	return func(s *declaration) error {
		s.checks = append(s.checks, f)
		return nil
	}
}

// WithPlugins adds plugins. They are set up in this order, before the daemon's
// own Setup, and torn down in reverse.
func WithPlugins(plugins ...Plugin) Option {
	return func(s *declaration) error {
		s.plugins = append(s.plugins, plugins...)
		if s.expand == nil {
			return nil
		}
		var errs []error
		for _, p := range plugins {
			errs = append(errs, s.applyPlugin(p))
		}
		return errors.Join(errs...)
	}
}

// On adds a handler for an event. See Hook for where handlers run.
func On(h Hook, f Handler) Option {
	return func(s *declaration) error {
		s.handlers[h] = append(s.handlers[h], f)
		return nil
	}
}

// IdleEvery lets HookIdle come at least this often while iterations run, also
// where no time is left for it: at interval 0, and where every iteration
// overruns. HookInfo.Left is then 0, and the next iteration waits for the
// handlers. It comes between two iterations only. 0, the default, means only
// where there is time left.
func IdleEvery(period time.Duration) Option {
	return func(s *declaration) error {
		if period < 0 {
			return fmt.Errorf("core.IdleEvery(%s) is negative: give 0 for none, or a positive duration", period)
		}
		s.idleEvery = period
		return nil
	}
}

// OnDump adds a part to the dump, under its title: what text returns when the
// dump is asked for, of one line or several. It is called beside the loop, must be
// quick, and must show no secret. All parts together have a second; where a handler
// is running, they are left out.
func OnDump(title string, text func(d *Daemon) string) Option {
	return func(s *declaration) error {
		s.dumpParts = append(s.dumpParts, dumpPart{title, text})
		return nil
	}
}

// OnSignal runs f whenever sig arrives, beside the loop and not in it. The
// signals that have a meaning of their own (INT, TERM, HUP, USR1, CONT) and
// those that no process can catch are refused. An error that f returns is
// logged.
func OnSignal(sig os.Signal, f Func) Option {
	return func(s *declaration) error {
		if err := refuseSignal(sig); err != nil {
			return err
		}
		s.onSignal[sig] = f
		return nil
	}
}

// reserved are the signals that have a meaning of their own.
var reserved = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGCONT}

func refuseSignal(sig os.Signal) error {
	switch {
	case slices.Contains(reserved, sig):
		return fmt.Errorf("core.OnSignal(%v): this signal has a meaning of its own; listen for it with core.On(core.HookSignal, …)", sig)
	case sig == syscall.SIGKILL || sig == syscall.SIGSTOP:
		return fmt.Errorf("core.OnSignal(%v): no process can catch this signal", sig)
	}
	return nil
}

// Flags adds command line flags of the user's own. register is called with the
// daemon's kingpin application before the command line is parsed; Configure
// can then use the values.
func Flags(register func(app *kingpin.Application)) Option {
	return func(s *declaration) error {
		s.flags = append(s.flags, register)
		return nil
	}
}

// Configure adds options that depend on the parsed command line. They count at
// the place where Configure stands, so a later option still wins. An error
// from f is told like one of an option, together with those of the options
// that it returns nevertheless.
func Configure(f func(d *Daemon) ([]Option, error)) Option {
	return func(s *declaration) error {
		if s.expand == nil {
			return nil
		}
		options, err := f(s.expand)
		s.unfinished = s.unfinished || err != nil
		return errors.Join(err, s.apply(options))
	}
}

// FromFlag is opt with the flag's name in front of its errors, so that people
// are told what they typed.
func FromFlag(flag string, opt Option) Option {
	return func(s *declaration) error {
		if err := opt(s); err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		return nil
	}
}

// About says in one line what the daemon is for. It stands on the help page.
func About(line string) Option {
	return func(s *declaration) error {
		s.about = line
		return nil
	}
}

// Help changes the page that -H, -h and --help print: parts of it, or all. Several
// changes are made in their order.
func Help(change func(p *HelpPage)) Option {
	return func(s *declaration) error {
		s.help = append(s.help, change)
		return nil
	}
}

// Version is shown by --version, in dumps and in alerts.
func Version(v string) Option {
	return func(s *declaration) error {
		s.version = v
		return nil
	}
}

// InstallNote adds a line to the install instructions that -i prints.
func InstallNote(line string) Option {
	return func(s *declaration) error {
		s.install = append(s.install, line)
		return nil
	}
}

// WithLock makes the daemon a single instance. A held lock is no error: the
// daemon says who holds it and exits 0 (see Standby). A nil lock means none: then
// a line of the log says at the start that several instances can run at once,
// which lock.Null says is meant.
func WithLock(l lock.Locker) Option {
	return func(s *declaration) error {
		s.lock = l
		return nil
	}
}

// Standby makes the daemon wait for a held lock instead of exiting: as a standby
// that has checked its environment, and has touched nothing but what its WarmUps
// touch. Setup runs when the lock is won. To a launcher and a supervisor it has
// started as soon as it has warmed up; SIGTERM ends it at once.
//
// A standby that cannot warm up has not started: it exits 1. One that follows
// another program, at a restart, stands by all the same, alerts, and warms up
// again every minute, and once more when it has won the lock.
//
// A lock that is a lock.Waiter, as all of Evertick's are, tells when it is free: a
// standby executes within 100 ms of a clean stop, and its Setup. Every other lock
// is asked for four times a second. Where the holder is killed, a lock with a TTL
// is free when its lease has ended. Where what keeps the lock does not answer
// (lock.ErrUnreachable), a standby waits for that, too, from its start on.
func Standby() Option {
	return func(s *declaration) error {
		s.standby = true
		return nil
	}
}

// WithLog sends the log to the file that name tells. It is asked again as
// time goes, so that the log can rotate. Without it, and where name is nil, the log
// goes to standard output. Of WithLog and WithLogHandler the later one counts.
//
// A file that cannot be opened keeps a daemon with -d from starting. In the
// foreground the log goes to standard output, with one warning, until the file can
// be opened: where the folder is missing, the file may not be written or the disk
// is full. What can be no log file, such as a folder or somebody else's file, is
// refused there, too; and --check tells of all.
func WithLog(name logfile.Name) Option {
	return func(s *declaration) error {
		s.logName, s.logHandler = name, nil
		return nil
	}
}

// WithLogHandler sends the log to a handler and not to a file, such as
// slogger.To(handler) of package logfile/slogger for a slog.Handler. From the
// instant at which a log file would be opened until the end it takes all that is
// logged, dumps and the lines of children too; a daemon that finds its lock held
// tells standard output. Each program of a restarted daemon declares it for itself,
// and so does the process that -d detaches, whose standard streams lead nowhere.
// With -v the log goes to standard output, too.
//
// What the handler takes no care of is lost: the daemon neither rotates nor
// retries. What it returns an error for, or panics at, goes to standard output.
// There is then no file in which the next start could find last words, nor one
// beside which alert mail waits: see WithSpool. nil means standard output.
func WithLogHandler(h logfile.Handler) Option {
	return func(s *declaration) error {
		s.logName, s.logHandler = nil, h
		return nil
	}
}

// LogLevel sets the level of the least messages that are logged; logfile.Info by
// default. Alerts have the level logfile.Error, a message that begins with
// "Warning: " or "Error: " has the level that it names, and all else of Daemon.Logf
// is logfile.Info. A dump is logged whatever the level is.
func LogLevel(level logfile.Level) Option {
	return func(s *declaration) error {
		s.logLevel = level
		return nil
	}
}

// CleanLog lets c look after the files that the log leaves behind, beside the
// loop: package logfile/retain deletes, compresses and limits them. It has no
// effect without WithLog.
func CleanLog(c logfile.Cleaner) Option {
	return func(s *declaration) error {
		s.logCleaner = c
		if c == nil {
			return nil
		}
		return c.Check()
	}
}

// WithJSONLog writes each log line as a JSON object.
func WithJSONLog() Option {
	return func(s *declaration) error {
		s.logJSON = true
		return nil
	}
}

// WithAlerts mails alerts to the recipients. A nil sender means none.
func WithAlerts(sender mail.Sender, recipients ...string) Option {
	return func(s *declaration) error {
		s.alerts, s.recipients = sender, recipients
		s.newQueue = func(c mail.QueueConfig) alertQueue { return mail.NewQueue(c) }
		return nil
	}
}

// Supervised says that a program watches over the daemon that is not detected,
// such as runit, s6 or a shell loop, and starts it again should it end: then the
// daemon restarts in place by itself, after an error too, as with -d.
//
// A supervisor is detected where systemd has set NOTIFY_SOCKET, or
// SYSTEMD_EXEC_PID to the daemon's own process; and PID 1 of a container counts
// as supervised, with --init as well. Other supervisors leave no sign by which
// they could be told from a terminal.
func Supervised() Option {
	return func(s *declaration) error {
		s.supervised = true
		return nil
	}
}

// Unwatched leaves the watcher of a detached daemon out. With -d, where nobody else
// notices, a small process of the same program waits for the daemon's end. Where that is
// none of the daemon's own (a crash, SIGKILL, the kernel's want of memory, os.Exit), the
// watcher becomes the daemon, which takes lock and PID file, alerts what has happened, and
// restarts after a pause, as after a fatal error: by the rules of RestartBackoff and
// MaxRestarts, and not within the first 10 s. In the list of processes it is "NAME: watcher
// of PID n". It ends with the daemon, which starts another one if it is killed. Under a
// supervisor, and in the foreground, there is none in any case.
func Unwatched() Option {
	return func(s *declaration) error {
		s.unwatched = true
		return nil
	}
}

// WithSpool names the folder in which alert mail waits until it is delivered, so
// that it survives the end of the process. It is made, with the mode 0700, for
// the first mail; the folder above it must be there. Two daemons must not share
// one. Without WithSpool it is FILE.spool beside the log file, or NAME.spool
// where the log file's name changes with time; without a log file, FILE.spool
// beside the lock file. With neither, mail waits in memory and is handed over at
// a restart.
//
// A folder that cannot be used keeps no daemon from running: that is logged, and
// mail waits in memory. See mail.Queue.
func WithSpool(dir string) Option {
	return func(s *declaration) error {
		if dir == "" {
			return errors.New("core.WithSpool: the folder's name is empty: name one, or leave the option out")
		}
		s.spool = dir
		return nil
	}
}

// RestartEvery restarts the daemon in place at this interval, at least 10 s. It
// acts only with -d or under a supervisor (see Supervised); elsewhere a line of
// the log says at the start that it does not. 0 means never.
func RestartEvery(interval time.Duration) Option {
	return func(s *declaration) error {
		if interval != 0 && interval < minRestartEvery {
			return fmt.Errorf("restart interval %s is below the minimum of %s: give at least that, or 0 for never", interval, minRestartEvery)
		}
		s.restartEvery = interval
		return nil
	}
}

// RestartAboveMemory restarts the daemon in place when its resident memory has been
// above this many bytes in five looks in a row, one a second. It acts only with
// -d or under a supervisor (see Supervised). 0 means never.
func RestartAboveMemory(bytes uint64) Option {
	return func(s *declaration) error {
		s.restartAboveMemory = bytes
		return nil
	}
}

// RestartBackoff sets the pause between a fatal error and the restart: initial
// for the first one, doubled for each further one up to max, 2 s and 1 min by
// default. Each is spread by up to 10 %, so that a fleet does not restart as
// one. After 10 min without a fatal error it starts again at initial. An
// initial pause of 0 means none; a max below initial counts as initial.
func RestartBackoff(initial, max time.Duration) Option {
	return func(s *declaration) error {
		if initial < 0 || max < 0 {
			return fmt.Errorf("restart back-off %s to %s is negative: give 0 for none, or positive durations", initial, max)
		}
		s.backoff, s.maxBackoff = initial, max
		return nil
	}
}

// MaxRestarts allows n restarts after errors within window; one more exits 1.
// Without it there is no limit: a daemon that runs detached or supervised, and
// was ready for 10 s, restarts until what it needs is there again, at the pauses
// of RestartBackoff. Restarts that were asked for do not count. n = 0 means that
// a fatal error always exits 1.
func MaxRestarts(n int, window time.Duration) Option {
	return func(s *declaration) error {
		if n < 0 || window <= 0 {
			return fmt.Errorf("at most %d restarts in %s: give a number from 0 and a positive window", n, window)
		}
		s.maxRestarts, s.restartWindow = n, window
		return nil
	}
}

// MaxConsecutiveFailures makes only the n-th failure of Execute in a row fatal; those before
// are logged and alerted. The default is 1.
func MaxConsecutiveFailures(n int) Option {
	return func(s *declaration) error {
		if n < 1 {
			return fmt.Errorf("core.MaxConsecutiveFailures(%d): give at least 1, which makes each failure fatal", n)
		}
		s.maxFailures = n
		return nil
	}
}

// CrashOnPanic lets a panic in Execute crash the process, for those who want
// Go's own crash report or a core dump more than a restart.
func CrashOnPanic() Option {
	return func(s *declaration) error {
		s.crashOnPanic = true
		return nil
	}
}

// IterationTimeout bounds each iteration. One that runs for longer has all goroutines
// dumped to the log, is alerted, and the daemon restarts in place even if
// Execute ignores its context. 0, the default, means no limit.
func IterationTimeout(timeout time.Duration) Option {
	return func(s *declaration) error {
		if timeout < 0 {
			return fmt.Errorf("iteration time-out %s is negative: give 0 for none", timeout)
		}
		s.iterationTimeout = timeout
		return nil
	}
}

// ShutdownTimeout is how long a stop or restart waits for the iteration, and
// then again for teardown, before it forces its way; 10 s by default. It must
// be positive.
func ShutdownTimeout(timeout time.Duration) Option {
	return func(s *declaration) error {
		if timeout <= 0 {
			return fmt.Errorf("shutdown time-out %s: give a positive duration", timeout)
		}
		s.shutdownTimeout = timeout
		return nil
	}
}

// CancelOnStop lets the first signal to stop, and a restart that was accepted,
// cancel the context of Setup and Execute, too, with ErrStopping as its cause:
// for an Execute whose work can be broken off at any instant. What Execute then
// returns because of it (an error that matches context.Canceled) is no failure.
// Without it the iteration finishes, and one that waits for its own work looks
// at Daemon.Stopping.
func CancelOnStop() Option {
	return func(s *declaration) error {
		s.cancelOnStop = true
		return nil
	}
}

// ChildLimits are the limits of the daemon's children: at most so many of them at
// once, and options for all of them (forker.AtMost of each task, forker.IfFull,
// Timeout, Grace, Nice, Memory, …), which those of a task or of one Fork
// override. 0 means forker.DefaultMax. What is wrong is refused at the
// start. Without this option the fields of Daemon.Children may be set.
func ChildLimits(most int, options ...forker.Option) Option {
	return func(s *declaration) error {
		g := forker.Group{Max: most, Options: options}
		if err := g.Check(); err != nil {
			return fmt.Errorf("limits of children: %w", err)
		}
		s.maxChildren, s.childOptions = most, options
		return nil
	}
}

// WithHost runs the daemon on a host other than the real one. It must stand
// among the options given to New, not in Configure.
func WithHost(h host.Host) Option {
	return func(s *declaration) error {
		s.host = &h
		return nil
	}
}

// WithClock gives the daemon a clock of its own on an otherwise real host. See
// clockwork.From for clocks that a test moves by hand.
func WithClock(c clockwork.Clock) Option {
	return func(s *declaration) error {
		s.clock = c
		return nil
	}
}

// RuntimePath returns a path for name that works for any user on a machine that
// nobody has prepared: in the user's run-time folder ($XDG_RUNTIME_DIR) where
// there is one, else in the folder for temporary files, with the user's number
// in front. A daemon that is installed for production should rather say where
// its files are.
func RuntimePath(name string) string { return host.RuntimePath(name) }
