package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/logfile"
)

// slowSetup takes three seconds.
func slowSetup() core.Option {
	return core.Setup(func(ctx context.Context, d *core.Daemon) error {
		return clockwork.Sleep(ctx, d.Clock(), 3*time.Second)
	})
}

// printed lets a scenario fail unless standard output is text at this moment.
func printed(text string) daemontest.Action {
	return daemontest.Do("look at standard output", func(w *daemontest.World) {
		if got := w.Stdout(); got != text {
			w.Fail("at %s: want standard output to be %q, it is %q", w.Now(), text, got)
		}
	})
}

// The launcher returns only when the daemon is ready: 0 and its PID.
func TestTheLauncherReturnsWhenTheDaemonIsReady(t *testing.T) {
	play(t, equipped(slowSetup()), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(2.9, printed("")), at(3.1, printed("poller: running as PID 101\n")), stopAt(5.5)},
		Want: daemontest.Want{
			daemontest.ExitOf("-d -p poller.pid", 0), startsAt(3, 4, 5), daemontest.Exit(0), daemontest.NoFile(pidPath),
		},
	})
}

// A daemon that could not start is never reported as started: the launcher
// tells the daemon's own error and ends with its status.
func TestTheLauncherTellsAFailedStart(t *testing.T) {
	broken := func(context.Context, *core.Daemon) error { return errors.New("no route to database") }
	for _, c := range []struct {
		name   string
		option core.Option
		deny   map[string]error
		says   string
		lock   daemontest.Expectation
	}{
		{"setup", core.Setup(broken), nil, "setup: no route to database", daemontest.LockReleased()},
		{"check", core.CheckEnvironment(broken), nil, "poller: no route to database", daemontest.NoLock()},
		{"option", core.MaxConsecutiveFailures(0), nil, "core.MaxConsecutiveFailures(0): give at least 1", daemontest.NoLock()},
		{"PID file", nil, map[string]error{pidPath: syscall.EACCES}, "poller.pid: permission denied", daemontest.NoLock()},
		{"log", nil, map[string]error{logPath: syscall.EISDIR}, "log file: is a directory", daemontest.NoLock()},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(c.option), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: daemontest.Instantly(),
				Deny:    c.deny,
				Want: daemontest.Want{
					daemontest.ExitOf("-d -p poller.pid", 1), daemontest.Exit(1), daemontest.Iterations(0),
					daemontest.Stderr(c.says), complainsInOneLine(), printsNothing(),
					daemontest.NoFile(pidPath), c.lock,
				},
			})
		})
	}
}

func printsNothing() daemontest.Expectation {
	return daemontest.Check("nothing on standard output", func(r *daemontest.Result) error {
		if out := r.World().Stdout(); out != "" {
			return fmt.Errorf("it is %q", out)
		}
		return nil
	})
}

// A daemon that is stopped or killed before it was ready did not start.
func TestTheLauncherTellsAnEndDuringTheStart(t *testing.T) {
	for _, c := range []struct {
		action daemontest.Action
		says   string
		ends   daemontest.Expectation
	}{
		{term, "poller: ended before it was ready: SIGTERM", daemontest.NeverReady()},
		{kill, "PID 101 ended without a report: killed by SIGKILL", daemontest.Killed()},
	} {
		play(t, equipped(slowSetup()), daemontest.Scenario{
			Args:    "-d -p poller.pid",
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{at(2, c.action)},
			Want: daemontest.Want{
				daemontest.ExitOf("-d -p poller.pid", 1), daemontest.Stderr(c.says), printsNothing(), daemontest.Iterations(0), c.ends,
			},
		})
	}
}

// -v is ignored with -d: there is nobody to read.
func TestVerboseIsIgnoredWhenDetached(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-dv",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1, printed("poller: running as PID 101\n")), stopAt(1.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.FileContains(logPath, "Shutdown Complete"),
			daemontest.Check("nothing more on standard output", func(r *daemontest.Result) error {
				if out := r.World().Stdout(); strings.Count(out, "\n") != 1 {
					return fmt.Errorf("it is %q", out)
				}
				return nil
			}),
		},
	})
}

// A detached daemon without a log file logs nowhere, and its launcher warns of
// that.
func TestTheLauncherWarnsOfALogThatGoesNowhere(t *testing.T) {
	for _, options := range [][]core.Option{nil, {core.WithLog(logfile.Fixed(""))}} {
		play(t, poller(options...), daemontest.Scenario{
			Args:    "-d",
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{stopAt(1.5)},
			Want:    daemontest.Want{daemontest.Exit(0), daemontest.Stdout("poller: there is no log file: what it logs goes nowhere\n")},
		})
	}
}

// The PID file is written once the lock is won, holds the daemon's number, and
// is removed at the end.
func TestThePIDFileStandsWhileTheDaemonRuns(t *testing.T) {
	var during string
	look := daemontest.Do("look", func(w *daemontest.World) { during, _ = w.File("/world/poller.pid") })
	play(t, equipped(), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.2, look), at(1.5, hup), at(1.6, look), stopAt(2.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), daemontest.NoFile(pidPath)},
	})
	if during != "101\n" {
		t.Errorf("want the PID file to hold 101, it held %q", during)
	}
}

// A PID file that somebody deletes while the daemon runs is written again.
func TestADeletedPIDFileIsRestored(t *testing.T) {
	const stop = "-s stop -p poller.pid"
	play(t, equipped(core.Every(time.Minute)), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(30 * time.Second),
		Steps: daemontest.Steps{
			at(12, daemontest.RemoveFile(pidPath)), at(45, daemontest.RemoveFile(pidPath)), at(55, daemontest.Command(stop)),
		},
		Want: daemontest.Want{
			daemontest.LogsTimes("Warning: PID file /world/poller.pid was gone: it has been written again", 2),
			daemontest.ExitOf(stop, 0), daemontest.Exit(0), daemontest.NoFile(pidPath),
		},
	})
}

// A file that somebody puts in the PID file's place is theirs: it is left
// alone, also at the end, and told once.
func TestAReplacedPIDFileIsLeftAlone(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(3, daemontest.WriteFile(pidPath, "4711\n")), stopAt(35)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Logs("somebody has put another file in its place"), daemontest.FileContains(pidPath, "4711\n"),
		},
	})
}

// A PID file that another living daemon has claimed is refused, and stays as
// it is.
func TestAClaimedPIDFileIsRefused(t *testing.T) {
	play(t, poller(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, daemontest.Command("-p ./poller.pid")), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.ExitOf("-p ./poller.pid", 1), daemontest.Stderr((&pidfile.LockedError{Path: "/world/poller.pid", PID: 100}).Error()),
			daemontest.Exit(0), daemontest.Iterations(4),
		},
	})
}

// After SIGKILL at any moment the next start just works: the PID file and the
// lock of a dead process keep nobody out.
func TestTheNextStartAfterSIGKILLJustWorks(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps: daemontest.Steps{
			at(1.2, kill), at(1.3, daemontest.Command("-p  poller.pid")), at(3, daemontest.Command("-s stop -p poller.pid")),
		},
		Want: daemontest.Want{
			daemontest.Killed(), startsAt(0, 1, 1.3, 2.3), daemontest.ExitOf("-s stop -p poller.pid", 0),
			daemontest.Stdout("poller: PID 101 has stopped"), daemontest.NoFile(pidPath), daemontest.LockReleased(),
		},
	})
}
