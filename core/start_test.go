package core_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// untouched wants a start that was refused to have left nothing behind.
func untouched() daemontest.Want {
	return daemontest.Want{
		daemontest.Iterations(0), daemontest.NoFile(pidPath), daemontest.NoFile(logPath), daemontest.Mails(0),
		daemontest.NoLock(),
	}
}

// All environment errors come together, not one per run: those of options, of
// core, of plugins and of the user's own checks. Nothing was touched.
func TestAllEnvironmentErrorsComeTogether(t *testing.T) {
	failing := &recorder{name: "db", check: errors.New("no such database")}
	declare := equipped(
		core.Every(-5*time.Second), core.IterationTimeout(-1), core.Standby(), core.WithPlugins(failing),
		core.CheckEnvironment(func(context.Context, *core.Daemon) error { return errors.New("no API key") }),
		core.CheckEnvironment(func(context.Context, *core.Daemon) error { panic("check went wrong") }),
		core.WithAlerts(mail.Writer(os.Stdout)),
	)
	play(t, declare, daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Deny:    map[string]error{logPath: syscall.EACCES, pidPath: syscall.ENOENT},
		Want: append(untouched(), daemontest.Exit(1),
			daemontest.Stderr("poller: 8 problems:\n"),
			daemontest.Stderr("interval -5s is negative"),
			daemontest.Stderr("iteration time-out -1ns is negative"),
			daemontest.Stderr("alerts have no recipient"),
			daemontest.Stderr("poller.pid: no such file"),
			daemontest.Stderr("log file: permission denied"),
			daemontest.Stderr("plugin db: no such database"),
			daemontest.Stderr("no API key"),
			daemontest.Stderr("check went wrong"),
		),
	})
}

// A bad option, or two that contradict each other, is one clear line with the
// remedy, and nothing was touched.
func TestABadOptionIsRefusedInOneLine(t *testing.T) {
	second := time.Second
	nothing := func(context.Context, *core.Daemon) error { return nil }
	for _, c := range []struct {
		option []core.Option
		says   string
	}{
		{[]core.Option{core.Every(-second)}, "interval -1s is negative: give 0 for no sleep at all"},
		{[]core.Option{core.Every(5)}, "interval 5ns is below 100µs: was a unit forgotten?"},
		{[]core.Option{core.Every(400 * 24 * time.Hour)}, "is above 366 days"},
		{[]core.Option{core.FixedDelay(-second)}, "pause -1s is negative"},
		{[]core.Option{core.Every(second), core.FixedDelay(second)}, "core.Every and core.FixedDelay contradict each other"},
		{[]core.Option{core.FixedDelay(second), core.MissedTicks(core.CatchUp)}, "core.FixedDelay has no grid, so no tick is missed"},
		{[]core.Option{core.FixedDelay(second), core.FirstTick(core.AlignedToClock)}, "core.FixedDelay has no grid to align"},
		{[]core.Option{core.FixedDelay(second), core.Spread(time.Millisecond)}, "core.FixedDelay has no grid to jitter"},
		{[]core.Option{core.Every(0), core.FirstTick(core.AlignedToClock)}, "an interval of 0 has no first tick to wait for, as the program asks: set an interval above 0"},
		{[]core.Option{core.Every(0), core.Jitter(second)}, "an interval of 0 leaves no room for a spread or jitter of 1s: set an interval above 0"},
		{[]core.Option{core.Every(second), core.Spread(second)}, "an interval of 1s leaves no room for a spread or jitter of 1s: set an interval above that"},
		{[]core.Option{core.Every(second), core.Jitter(-second)}, "jitter -1s is negative"},
		{[]core.Option{core.Every(second), core.WithLock(nil), core.Standby()}, "core.Standby waits for a lock, but there is none"},
		{[]core.Option{core.Every(second), core.Execute(nil)}, "nothing to execute"},
		{[]core.Option{core.Every(second), core.WithAlerts(mail.Writer(os.Stdout))}, "alerts have no recipient"},
		{[]core.Option{core.Every(second), core.WithAlerts(mail.Writer(os.Stdout), slices.Repeat([]string{"a@x.org"}, 1001)...)}, "alerts have 1001 recipients, and a mail takes 1000"},
		{[]core.Option{core.Every(second), core.WithAlerts(mail.Writer(os.Stdout), "ops@example.com", "nonsense")}, `alert recipient "nonsense" is no mail address`},
		{[]core.Option{core.Every(second), core.WithAlerts(mail.Writer(os.Stdout), "ops@")}, `alert recipient "ops@" is no mail address`},
		{[]core.Option{core.Every(second), core.WithLog(logfile.Fixed("poller.pid"))}, "the PID file and the log are both /world/poller.pid: give each a path of its own"},
		{[]core.Option{core.Every(second), core.WithLock(lock.File("../world/poller.pid"))}, "the PID file and the lock file are both /world/poller.pid"},
		{[]core.Option{core.Every(second), core.WithLock(lock.File(logPath))}, "the log and the lock file are both " + logPath},
		{[]core.Option{core.Every(second), core.WithPlugins(&recorder{name: "x"}, &recorder{name: "x"})}, "plugin x is declared twice"},
		{[]core.Option{core.Every(second), core.RestartEvery(9 * second)}, "restart interval 9s is below the minimum of 10s"},
		{[]core.Option{core.Every(second), core.RestartBackoff(-second, -second)}, "back-off -1s to -1s is negative"},
		{[]core.Option{core.Every(second), core.MaxRestarts(-1, second)}, "at most -1 restarts in 1s"},
		{[]core.Option{core.Every(second), core.MaxRestarts(1, 0)}, "at most 1 restarts in 0s"},
		{[]core.Option{core.Every(second), core.MaxConsecutiveFailures(0)}, "core.MaxConsecutiveFailures(0): give at least 1"},
		{[]core.Option{core.Every(second), core.IterationTimeout(-second)}, "iteration time-out -1s is negative"},
		{[]core.Option{core.Every(second), core.ShutdownTimeout(0)}, "shutdown time-out 0s: give a positive duration"},
		{[]core.Option{core.Every(second), core.OnSignal(syscall.SIGTERM, nothing)}, "this signal has a meaning of its own"},
		{[]core.Option{core.Every(second), core.OnSignal(syscall.SIGKILL, nothing)}, "no process can catch this signal"},
		{[]core.Option{core.FromFlag("--every", core.Every(-second))}, "poller: --every: interval -1s"},
		{nil, "no interval: declare core.Every, core.FixedDelay or core.Scheduled; core.Every(0) is a loop without any pause"},
		{[]core.Option{core.Every(-second), core.FirstTick(core.AfterInterval), core.Jitter(second)}, "poller: interval -1s is negative"},
		{[]core.Option{core.FixedDelay(-second), core.MissedTicks(core.Skip)}, "poller: pause -1s is negative"},
		{[]core.Option{core.Every(second), core.Configure(func(*core.Daemon) ([]core.Option, error) { return nil, errors.New("bad flag") })}, "bad flag"},
	} {
		t.Run(c.says, func(t *testing.T) {
			play(t, bare(append([]core.Option{
				core.Execute(nothing), core.WithLock(lock.File("/run/poller.lock")), core.WithLog(logfile.Fixed(logPath)),
			}, c.option...)...), daemontest.Scenario{
				Args: "-p poller.pid",
				Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr(c.says), complainsInOneLine()),
			})
		})
	}
}

func complainsInOneLine() daemontest.Expectation {
	return daemontest.Check("one line on standard error", func(r *daemontest.Result) error {
		if text := r.World().Stderr(); strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "poller: ") {
			return fmt.Errorf("it is %q", text)
		}
		return nil
	})
}

// bare is a daemon with the given options alone.
func bare(options ...core.Option) daemontest.NewFunc {
	return func(extra ...core.Option) *core.Daemon {
		return core.New("poller", append(append([]core.Option(nil), options...), extra...)...)
	}
}

// A daemon without Execute has nothing to do, and says so.
func TestADaemonNeedsExecute(t *testing.T) {
	play(t, bare(core.Every(time.Second)), daemontest.Scenario{
		Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("poller: nothing to execute: declare core.Execute")),
	})
}

// Options may contradict defaults of an earlier one: the later one counts.
func TestTheLaterOptionCounts(t *testing.T) {
	play(t, poller(core.Every(time.Minute), core.Every(2*time.Second)), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(5)},
		Want:    daemontest.Want{startsAt(0, 2, 4), daemontest.Exit(0)},
	})
}

// A start goes: checks, lock, PID file and log, Setup, loop. The end goes back
// the same way.
func TestAStartTakesItsStepsInOrder(t *testing.T) {
	slowly := func(what string) core.Func {
		return func(ctx context.Context, d *core.Daemon) error {
			d.Logf("doing %s", what)
			return clockwork.Sleep(ctx, d.Clock(), time.Second)
		}
	}
	during := func(what string, there bool) daemontest.Step {
		return daemontest.AfterLog("doing "+what, time.Millisecond, daemontest.Do("look", func(w *daemontest.World) {
			_, pid := w.File(pidPath)
			_, log := w.File(logPath)
			_, locked := w.Holder(lockURL)
			if pid != there || log != there || locked != there {
				w.Fail("during %s: PID file %t, log %t, lock held %t: want all of them %t", what, pid, log, locked, there)
			}
		}))
	}
	play(t, equipped(core.CheckEnvironment(slowly("check")), core.Setup(slowly("setup")), core.Teardown(slowly("teardown"))), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Does(does("execute")),
		Steps: daemontest.Steps{
			during("check", false), during("setup", true), during("execute", true), during("teardown", true), stopAt(2.5),
		},
		Want: daemontest.Want{
			startsAt(2), endsAt(3.5), done("setup", "execute", "teardown"),
			daemontest.Exit(0), daemontest.NoFile(pidPath), daemontest.LockReleased(),
		},
	})
}

// The log tells the start and the end of a run, and its last line the exit
// status.
func TestTheLogTellsStartAndEnd(t *testing.T) {
	play(t, equipped(core.Version("1.4")), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(2.5)},
		Want: daemontest.Want{
			daemontest.FileContains(logPath, "[2026-01-01 00:00:00] 100 Log Opened: poller on testhost\n"+
				"[2026-01-01 00:00:00] 100 Application Startup. PID: 100 Interval: 1s Version: 1.4 Lock: file:/run/poller.lock\n"),
			daemontest.FileContains(logPath, "[2026-01-01 00:00:02] 100 Shutting Down: SIGTERM\n"+
				"[2026-01-01 00:00:02] 100 Shutdown Complete. Uptime: 2.5s Iterations: 3 Exit status: 0\n"),
			daemontest.LastLog("Exit status: 0"), daemontest.Exit(0),
		},
	})
}

// A Setup error shuts the daemon down with status 1, before the first tick,
// and is mailed.
func TestASetupErrorShutsDown(t *testing.T) {
	for name, setup := range map[string]core.Func{
		"error": func(context.Context, *core.Daemon) error { return errors.New("no route to database") },
		"panic": func(context.Context, *core.Daemon) error { panic("no route to database") },
		"fatal": func(_ context.Context, d *core.Daemon) error { d.Fatalf("no route to %s", "database"); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(core.Setup(setup)), daemontest.Scenario{
				Args:    "-p poller.pid",
				Execute: daemontest.Instantly(),
				Want: daemontest.Want{
					daemontest.Exit(1), daemontest.Iterations(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
					daemontest.Logs("Shutting Down: setup: "), daemontest.Logs("no route to database"),
					daemontest.Stderr("no route to database"), daemontest.Mails(1), daemontest.MailContains("poller Shutdown"),
					daemontest.LastLog("Exit status: 1"),
				},
			})
		})
	}
}

// A stop during a start gives up at once: Setup's context is cancelled, and
// nothing is executed.
func TestAStopDuringTheStartGivesUp(t *testing.T) {
	wait := func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), time.Minute) }
	for _, c := range []struct {
		name   string
		option core.Option
		lock   daemontest.Expectation
	}{
		{"check", core.CheckEnvironment(wait), daemontest.NoLock()},
		{"setup", core.Setup(wait), daemontest.LockReleased()},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(c.option), daemontest.Scenario{
				Args:    "-p poller.pid",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(1, usr1), stopAt(2)},
				Want: daemontest.Want{
					daemontest.Iterations(0), endsAt(2), daemontest.Exit(0), daemontest.NeverReady(), daemontest.NoFile(pidPath), c.lock,
					daemontest.Logs("Shutting Down: SIGTERM, before the start was complete"), daemontest.Logs("Dump of poller"),
				},
			})
		})
	}
}

// A Setup that ignores the stop is forced after the shutdown time-out.
func TestAHungSetupIsForced(t *testing.T) {
	play(t, equipped(core.Setup(daemontest.Hangs), core.ShutdownTimeout(3*time.Second)), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(2)},
		Want: daemontest.Want{
			endsAt(6), daemontest.Exit(1), daemontest.LockReleased(), daemontest.Logs("Forced: not finished within 3s"),
			daemontest.LastLog("Exit status: 1"),
		},
	})
}

// A PID file that cannot be written after the lock was won ends the start.
func TestADiskThatIsFullAtTheStartIsTold(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0, daemontest.DiskFull(true))},
		Options: []core.Option{core.CheckEnvironment(func(ctx context.Context, d *core.Daemon) error {
			return clockwork.Sleep(ctx, d.Clock(), time.Second)
		})},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Iterations(0), daemontest.LockReleased(),
			daemontest.Stderr("no space left on device"), daemontest.NoFile(logPath),
		},
	})
}

// A lock that cannot be asked for, because its store is out of order, is an
// error and not a held lock.
func TestALockThatCannotBeAskedForIsAnError(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0, daemontest.LockOutage(errors.New("connection refused")))},
		Options: []core.Option{core.CheckEnvironment(func(ctx context.Context, d *core.Daemon) error {
			return clockwork.Sleep(ctx, d.Clock(), time.Second)
		})},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Iterations(0), daemontest.Stderr("connection refused"), daemontest.NoFile(logPath),
		},
	})
}

// A Daemon runs once.
func TestADaemonRunsOnce(t *testing.T) {
	var stderr strings.Builder
	h := host.Real()
	h.Stdout, h.Stderr = &strings.Builder{}, &stderr
	d := core.New("poller", core.WithHost(h), core.Every(time.Hour), core.Execute(func(ctx context.Context, d *core.Daemon) error {
		if code := d.Run(ctx, "--no-such-flag"); code != 1 || !strings.Contains(stderr.String(), "has run already") {
			t.Errorf("a run beside the first: want exit status 1 and the reason, got %d and %q", code, &stderr)
		}
		if d.Interval() != time.Hour {
			t.Errorf("the interval became %s", d.Interval())
		}
		stderr.Reset()
		d.Stop("enough")
		return nil
	}))
	if code := d.Run(t.Context()); code != 0 {
		t.Errorf("first run: want exit status 0, got %d", code)
	}
	if code := d.Run(t.Context()); code != 1 || !strings.Contains(stderr.String(), "has run already") {
		t.Errorf("second run: want exit status 1 and the reason, got %d and %q", code, &stderr)
	}
}

// The context of Run ends the daemon as SIGTERM does.
func TestTheContextOfRunStopsTheDaemon(t *testing.T) {
	var stdout strings.Builder
	h := host.Real()
	h.Stdout = &stdout
	ctx, cancel := context.WithCancelCause(t.Context())
	d := core.New("poller", core.WithHost(h), core.Every(0), core.Execute(func(context.Context, *core.Daemon) error {
		cancel(errors.New("the program ends"))
		return nil
	}))
	if code := d.Run(ctx); code != 0 || !strings.Contains(stdout.String(), "Shutting Down: context: the program ends") {
		t.Errorf("want exit status 0 and the cause, got %d and %q", code, &stdout)
	}
}

// A newcomer that is refused does not end before its word is written, where that
// takes a moment.
func TestARefusedNewcomersWordIsWritten(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(0.9, daemontest.StdoutBlocks(true)), at(1.1, daemontest.Command("-v")), at(1.6, daemontest.StdoutBlocks(false)), stopAt(3.5),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ExitOf("-v", 0), daemontest.Stdout("Shutting Down: Lock Detected"), daemontest.LockReleased(),
		},
	})
}
