package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// Option declares one thing about a daemon. Where two options declare the
// same thing, the later one counts. An option does nothing until the daemon
// runs; one that refuses its value makes the daemon exit 1 before anything is
// touched, with its error among all the others.
type Option func(*settings) error

// Func is a user's function in the life of a daemon.
type Func func(ctx context.Context, d *Daemon) error

// settings is what the options add up to.
type settings struct {
	host     *Host
	clock    clockwork.Clock
	interval time.Duration
	paced    pace // which of Every and After was declared
	missed   Missed
	first    First
	jitter   time.Duration
	jitterBy jitterBy

	setup, execute, teardown []Func
	checks                   []Func
	plugins                  []Plugin
	handlers                 map[Hook][]Handler
	onSignal                 map[os.Signal]Func

	flags     []func(*kingpin.Application)
	configure int // how many Configure options there are
	version   string
	install   []string

	lock    lock.Locker
	standby bool

	logName LogName
	logJSON bool

	alerts     mail.Sender
	recipients []string

	restartEvery  time.Duration
	restartAbove  uint64
	backOff       time.Duration
	maxRestarts   int
	restartWindow time.Duration

	tolerate      int
	crashOnPanic  bool
	timeLimit     time.Duration
	shutdownLimit time.Duration

	expand bool // the command line is parsed: expand Configure
	d      *Daemon
}

// The defaults that DESIGN and the options' comments name.
const (
	defaultBackOff       = 2 * time.Second
	defaultMaxRestarts   = 5
	defaultRestartWindow = 2 * time.Minute
	defaultShutdownLimit = 10 * time.Second

	minRestartEvery = 10 * time.Second
	minInterval     = 100 * time.Microsecond
	maxInterval     = 366 * 24 * time.Hour
)

func defaults() settings {
	return settings{
		handlers:      map[Hook][]Handler{},
		onSignal:      map[os.Signal]Func{},
		backOff:       defaultBackOff,
		maxRestarts:   defaultMaxRestarts,
		restartWindow: defaultRestartWindow,
		shutdownLimit: defaultShutdownLimit,
		tolerate:      1,
	}
}

// Every sets the interval of the loop: iterations start on a grid of instants
// this far apart, however long each one takes. 0 means no sleep at all, for a
// loop that blocks on its own work. A negative interval is refused, and so is
// one below 100 µs (almost always a number without its unit) or above 366
// days. Without Every or After the interval is 0.
func Every(interval time.Duration) Option {
	return func(s *settings) error {
		if err := checkInterval(interval); err != nil {
			return fmt.Errorf("interval %s (core.Every) %w", interval, err)
		}
		s.interval, s.paced = interval, s.paced|pacedEvery
		return nil
	}
}

// FixedDelay sets a pause instead of an interval: each iteration starts this long
// after the end of the one before. There is then no grid, no overrun and no
// missed tick. The same values are refused as by Every; it contradicts Every,
// Aligned, MissedTicks and the jitter of a grid.
func FixedDelay(pause time.Duration) Option {
	return func(s *settings) error {
		if err := checkInterval(pause); err != nil {
			return fmt.Errorf("pause %s (core.FixedDelay) %w", pause, err)
		}
		s.interval, s.paced = pause, s.paced|pacedAfter
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
func MissedTicks(m Missed) Option {
	return func(s *settings) error {
		s.missed = m
		return nil
	}
}

// FirstTick says when the first iteration starts. The default is Immediately.
func FirstTick(f First) Option {
	return func(s *settings) error {
		s.first = f
		return nil
	}
}

// Spread shifts the whole grid by a part of max that depends on the daemon's
// and the machine's name alone, so that a fleet spreads out and each member
// keeps its place. It must be less than the interval.
func Spread(max time.Duration) Option { return jitter(max, jitterOfDaemon) }

// Jitter shifts each tick by a part of max of its own, which depends on the
// tick's number and the daemon's and the machine's name; the shifts do not add
// up. It must be less than the interval.
func Jitter(max time.Duration) Option { return jitter(max, jitterOfTick) }

func jitter(max time.Duration, by jitterBy) Option {
	return func(s *settings) error {
		if max < 0 {
			return fmt.Errorf("jitter %s is negative: give a duration from 0 up to the interval", max)
		}
		s.jitter, s.jitterBy = max, by
		return nil
	}
}

// Setup adds a function that runs once before the loop, in the order of the
// options. Its error shuts the daemon down with exit status 1. Its context is
// cancelled by a signal to stop.
func Setup(f Func) Option {
	return func(s *settings) error {
		s.setup = append(s.setup, f)
		return nil
	}
}

// Execute sets the function that each iteration runs. It is required. An
// error or a panic out of it is a fatal error (see MaxConsecutiveFailures). Its context is
// cancelled by a forced stop, a lost lock or the time limit, not by a first
// SIGTERM: the iteration may finish.
func Execute(f Func) Option {
	return func(s *settings) error {
		s.execute = []Func{f}
		return nil
	}
}

// Teardown adds a function that runs once after the loop, in reverse order of
// the options; those whose Setup was never reached do not run. A forced stop
// skips it.
func Teardown(f Func) Option {
	return func(s *settings) error {
		s.teardown = append(s.teardown, f)
		return nil
	}
}

// CheckEnvironment adds a check of the environment. All checks run before anything is
// touched, and all their errors are told together. It runs in the child that
// tries a new binary, too, so it must change nothing.
func CheckEnvironment(f Func) Option {
	return func(s *settings) error {
		s.checks = append(s.checks, f)
		return nil
	}
}

// WithPlugins adds plugins. They are set up in this order, before the daemon's
// own Setup, and torn down in reverse.
func WithPlugins(plugins ...Plugin) Option {
	return func(s *settings) error {
		s.plugins = append(s.plugins, plugins...)
		return nil
	}
}

// On adds a handler for an event. See Hook for where handlers run.
func On(h Hook, f Handler) Option {
	return func(s *settings) error {
		s.handlers[h] = append(s.handlers[h], f)
		return nil
	}
}

// OnSignal runs f whenever sig arrives, beside the loop and not in it. The
// signals that have a meaning of their own (INT, TERM, HUP, USR1, CONT) and
// those that no process can catch are refused. An error that f returns is
// logged.
func OnSignal(sig os.Signal, f Func) Option {
	return func(s *settings) error {
		if err := refuseSignal(sig); err != nil {
			return err
		}
		s.onSignal[sig] = f
		return nil
	}
}

// Flags adds command line flags of the user's own. register is called with the
// daemon's kingpin application before the command line is parsed; Configure
// can then use the values.
func Flags(register func(app *kingpin.Application)) Option {
	return func(s *settings) error {
		s.flags = append(s.flags, register)
		return nil
	}
}

// Configure adds options that depend on the parsed command line. They count at
// the place where Configure stands, so a later option still wins. An error
// from f is told like one of an option, together with those of the options
// that it returns nevertheless.
func Configure(f func(d *Daemon) ([]Option, error)) Option {
	return func(s *settings) error {
		s.configure++
		if !s.expand {
			return nil
		}
		options, err := f(s.d)
		return errors.Join(err, s.apply(options))
	}
}

// FromFlag is opt with the flag's name in front of its errors, so that people
// are told what they typed.
func FromFlag(flag string, opt Option) Option {
	return func(s *settings) error {
		if err := opt(s); err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		return nil
	}
}

// Version is shown by --version, in dumps and in alerts.
func Version(v string) Option {
	return func(s *settings) error {
		s.version = v
		return nil
	}
}

// InstallNote adds a line to the install instructions that -i prints.
func InstallNote(line string) Option {
	return func(s *settings) error {
		s.install = append(s.install, line)
		return nil
	}
}

// WithLock makes the daemon a single instance. A held lock is no error: the
// daemon says who holds it and exits 0 (see Standby). A nil lock means none.
func WithLock(l lock.Locker) Option {
	return func(s *settings) error {
		s.lock = l
		return nil
	}
}

// Standby makes the daemon wait for a held lock instead of exiting.
func Standby() Option {
	return func(s *settings) error {
		s.standby = true
		return nil
	}
}

// WithLog sends the log to the file that name tells. It is asked again as
// time goes, so that the log can rotate. Without it the log goes to standard
// output.
func WithLog(name LogName) Option {
	return func(s *settings) error {
		s.logName = name
		return nil
	}
}

// WithJSONLog writes each log line as a JSON object.
func WithJSONLog() Option {
	return func(s *settings) error {
		s.logJSON = true
		return nil
	}
}

// WithAlerts mails alerts to the recipients. A nil sender means none.
func WithAlerts(sender mail.Sender, recipients ...string) Option {
	return func(s *settings) error {
		s.alerts, s.recipients = sender, recipients
		return nil
	}
}

// RestartEvery restarts the daemon in place at this interval, at least 10 s.
// It counts only with -d or under a supervisor. 0 means never.
func RestartEvery(interval time.Duration) Option {
	return func(s *settings) error {
		if interval != 0 && interval < minRestartEvery {
			return fmt.Errorf("restart interval %s (core.RestartEvery) is below the minimum of %s: give at least that, or 0 for never", interval, minRestartEvery)
		}
		s.restartEvery = interval
		return nil
	}
}

// RestartAboveMemory restarts the daemon in place when its resident memory has been
// above this many bytes in five looks in a row, one a second. It counts only
// with -d or under a supervisor. 0 means never.
func RestartAboveMemory(bytes uint64) Option {
	return func(s *settings) error {
		s.restartAbove = bytes
		return nil
	}
}

// RestartBackoff is the pause between a fatal error and the restart; 2 s by default.
// 0 means none.
func RestartBackoff(pause, _ time.Duration) Option {
	return func(s *settings) error {
		if pause < 0 {
			return fmt.Errorf("back-off %s is negative: give 0 for none", pause)
		}
		s.backOff = pause
		return nil
	}
}

// MaxRestarts allows n restarts after errors within window; one more exits 1.
// The default is 5 in 2 minutes. Restarts that were asked for do not count.
// n = 0 means that a fatal error always exits 1.
func MaxRestarts(n int, window time.Duration) Option {
	return func(s *settings) error {
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
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("core.MaxConsecutiveFailures(%d): give at least 1, which makes each failure fatal", n)
		}
		s.tolerate = n
		return nil
	}
}

// CrashOnPanic lets a panic in Execute crash the process, for those who want
// Go's own crash report or a core dump more than a restart.
func CrashOnPanic() Option {
	return func(s *settings) error {
		s.crashOnPanic = true
		return nil
	}
}

// IterationTimeout bounds each iteration. One that runs for longer has all goroutines
// dumped to the log, is alerted, and the daemon restarts in place even if
// Execute ignores its context. 0, the default, means no limit.
func IterationTimeout(limit time.Duration) Option {
	return func(s *settings) error {
		if limit < 0 {
			return fmt.Errorf("time limit %s is negative: give 0 for none", limit)
		}
		s.timeLimit = limit
		return nil
	}
}

// ShutdownTimeout is how long a stop or restart waits for the iteration, and
// then again for teardown, before it forces its way; 10 s by default. It must
// be positive.
func ShutdownTimeout(limit time.Duration) Option {
	return func(s *settings) error {
		if limit <= 0 {
			return fmt.Errorf("shutdown limit %s: give a positive duration", limit)
		}
		s.shutdownLimit = limit
		return nil
	}
}

// WithHost runs the daemon on a host other than the real one. It must stand
// among the options given to New, not in Configure.
func WithHost(h Host) Option {
	return func(s *settings) error {
		s.host = &h
		return nil
	}
}

// WithClock gives the daemon a clock of its own on an otherwise real host. See
// clockwork.From for clocks that a test moves by hand.
func WithClock(c clockwork.Clock) Option {
	return func(s *settings) error {
		s.clock = c
		return nil
	}
}

// apply folds options into s and goes on after an error, so that all of them
// can be told together.
func (s *settings) apply(options []Option) error {
	var errs []error
	for _, o := range options {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
