package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// Scenarios for checks that the trial of a restart passes, and that fail when the
// new program has taken the place of the old one.

// awayAfterExec are checks that fail between two times, in seconds, but in no trial.
func awayAfterExec(from, to float64) core.Option {
	return core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
		if up := time.Since(newYear); d.Restarts() > 0 && up >= seconds(from)[0] && up < seconds(to)[0] {
			return errors.New("no database")
		}
		return nil
	})
}

// away are checks that fail between two times, in trials, too.
func away(from, to float64) core.Option {
	return core.CheckEnvironment(func(context.Context, *core.Daemon) error {
		if up := time.Since(newYear); up >= seconds(from)[0] && up < seconds(to)[0] {
			return errors.New("no database")
		}
		return nil
	})
}

// slowTeardown lets checks change between trial and exec.
var slowTeardown = core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(time.Second); return nil })

const restartCommand = "-s restart -p poller.pid"

// A daemon that was ready goes on trying, in the pauses of fatal errors, with its
// lock and its PID file, and tells of it once. The grid goes on.
func TestChecksThatFailAfterExecAreTriedAgain(t *testing.T) {
	holds := daemontest.Do("look", func(w *daemontest.World) {
		_, held := w.Holder(lockURL)
		if _, pid := w.File(pidPath); !pid || !held {
			w.Fail("at %s: lock held %t, PID file %t", w.Now(), held, pid)
		}
	})
	for _, c := range []struct {
		name     string
		options  []core.Option
		steps    daemontest.Steps
		restarts int
		want     daemontest.Want
	}{
		{"as each trial passes", []core.Option{awayAfterExec(14, 60)}, nil, 6, nil},
		{"and trials fail, too", []core.Option{away(15.5, 60), slowTeardown}, nil, 2, daemontest.Want{
			daemontest.Logs("Error: the checks of the new program failed\ntry /usr/sbin/daemon: it would not start: poller: no database"),
		}},
		{"and then the binary is broken", []core.Option{awayAfterExec(14, 60)}, daemontest.Steps{
			at(20, daemontest.BreakBinary(errors.New("a typo"))), at(100, daemontest.BreakBinary(nil)),
		}, 3, daemontest.Want{daemontest.Logs("Error: the binary /usr/sbin/daemon would not start\n")}},
		{"and then it cannot be executed", []core.Option{awayAfterExec(14, 60)}, daemontest.Steps{
			at(20, daemontest.LoseBinary()), at(100, daemontest.BreakBinary(nil)),
		}, 3, daemontest.Want{daemontest.LogsTimes("could not be executed", 4)}},
		{"and the teardown hangs before that", []core.Option{awayAfterExec(14, 60), core.ShutdownTimeout(time.Second), core.On(core.HookRestart, func(_ context.Context, d *core.Daemon, _ core.HookInfo) {
			if d.Restarts() == 1 {
				time.Sleep(20 * time.Second)
			}
		})}, daemontest.Steps{at(15, daemontest.LoseBinary()), at(100, daemontest.BreakBinary(nil))}, 2, daemontest.Want{daemontest.Logs("could not be executed")}},
		{"asked to restart meanwhile", []core.Option{awayAfterExec(14, 21)}, daemontest.Steps{
			at(14.4, daemontest.BreakBinary(nil)), at(17, usr1), at(22, daemontest.Command(restartCommand)),
		}, 4, daemontest.Want{
			daemontest.ExitOf(restartCommand, 0), daemontest.Logs("State:             restarting: the checks of this program failed: no database\n"),
			daemontest.Logs("Next tick:         none\n"), startsBetween(22, 23),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, args := range []string{"-d -p poller.pid", "-p poller.pid"} {
				play(t, equipped(append(c.options, core.Setup(does("setup")))...), daemontest.Scenario{
					Args: args, Supervised: args[:2] != "-d", Execute: daemontest.Instantly(),
					Steps: append(c.steps, at(14.5, hup), at(15, holds), at(30, holds), at(50, holds), at(240, term)),
					Want: append(c.want, daemontest.Restarts(c.restarts), noStartBetween(16, 19.9), startsBetween(14, 15), startsBetween(239, 240),
						daemontest.Logs("Error: the checks of this program failed: no database\nRestarting after a fatal error"),
						daemontest.MailContains("the checks of this program failed: no database"),
						daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath)),
				})
			}
		})
	}
}

// A restart that is asked for while the checks still run follows at once.
func TestARestartAskedForDuringChecksThatFail(t *testing.T) {
	slow := core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
		if d.Restarts() == 1 {
			time.Sleep(2 * time.Second)
		}
		return nil
	})
	play(t, equipped(slow, awayAfterExec(14, 17)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(14.5, hup), at(15, hup), at(30, term)},
		Want: daemontest.Want{daemontest.Restarts(3), daemontest.Logs("Restarting: SIGHUP"), noStartBetween(15, 17), daemontest.Exit(0), daemontest.LockReleased()},
	})
}

// Hours of it are reminded of at growing intervals, and their end is told, once.
func TestChecksThatFailForHoursAreAFewMails(t *testing.T) {
	r := play(t, equipped(awayAfterExec(14, 6*3600)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(14.5, hup), at(8*3600, term)},
		Want: daemontest.Want{daemontest.MailContains("the checks of this program failed"), daemontest.MailContains("poller Restarted"), daemontest.Exit(0)},
	})
	if n := len(r.World().Mails()); n > 20 {
		t.Errorf("want a few mails, got %d", n)
	}
}

// A stop ends it at once, whatever is under way; so does a lock that another
// process has taken meanwhile.
func TestChecksThatFailAfterExecAreLeft(t *testing.T) {
	for _, moment := range []float64{14.5, 14.6, 16.4, 16.6, 40} {
		play(t, equipped(awayAfterExec(14, 3600)), daemontest.Scenario{
			Args: "-d -p poller.pid", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(14.5, hup), at(moment, term)},
			Want: daemontest.Want{endsAt(moment), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath)},
		})
	}
	const stop = "-s stop -p poller.pid"
	play(t, equipped(awayAfterExec(14, 3600)), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{at(14.5, daemontest.Command(restartCommand)), at(40, daemontest.Command(stop))},
		Want: daemontest.Want{
			daemontest.ExitOf(restartCommand, 1), daemontest.Stderr("poller: the checks of this program failed: no database\n"),
			daemontest.ExitOf(stop, 0), endsAt(40), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
		},
	})
	// The lock is lost meanwhile: another process has it, so this one ends.
	play(t, leased(awayAfterExec(14, 3600)), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{at(14.5, hup), at(30, daemontest.StealLock(leaseURL))},
		Want:  daemontest.Want{daemontest.Logs("Lock Lost"), daemontest.Logs("Shutting Down: Lock Detected"), daemontest.Exit(0), daemontest.NoFile(pidPath)},
	})
	// Where it is a standby, it waits for the lock; what fails still keeps it from
	// executing then.
	play(t, leased(awayAfterExec(14, 80), core.Standby()), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{at(14.5, hup), at(30, daemontest.StealLock(leaseURL)), at(60, daemontest.FreeLock(leaseURL)), at(300, term)},
		Want:  daemontest.Want{noStartBetween(15, 80), startsBetween(80, 200), daemontest.Exit(0), daemontest.LockReleased()},
	})
	// The lock's store is away when the new program asks.
	play(t, leased(awayAfterExec(14, 20), slowTeardown), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{at(14.5, hup), at(14.7, daemontest.LockOutage(errors.New("no answer"))), at(17, daemontest.LockOutage(nil)), at(60, term)},
		Want:  daemontest.Want{daemontest.Logs("no database"), daemontest.Logs("the lock cannot be asked for"), startsBetween(20, 30), daemontest.Exit(0), daemontest.LockReleased()},
	})
}

// It remains the end in the foreground, in the first 10 s, and beyond MaxRestarts.
func TestChecksThatFailAfterExecAreTheEnd(t *testing.T) {
	for _, c := range []struct {
		name, args string
		options    []core.Option
		at         float64
		restarts   int
		says       string
	}{
		{"foreground", "-p poller.pid", nil, 14.5, 1, "Shutting Down: no database"},
		{"first seconds", "-d -p poller.pid", nil, 4.5, 1, "Shutting Down: no database"},
		{"limit", "-d -p poller.pid", []core.Option{core.MaxRestarts(3, time.Hour)}, 14.5, 4, "there were 3 restarts after errors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(append(c.options, awayAfterExec(4, 3600))...), daemontest.Scenario{
				Args: c.args, Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(c.at, hup)},
				Want: daemontest.Want{
					daemontest.Restarts(c.restarts), daemontest.Logs(c.says), daemontest.MailContains("no database"), daemontest.LastLog(fmt.Sprintf("Exit status: %d", 1)),
					daemontest.Exit(1), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
	// The limit counts trials that fail, too.
	play(t, equipped(away(15.5, 3600), slowTeardown, core.MaxRestarts(3, time.Hour)), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(14.5, hup)},
		Want: daemontest.Want{daemontest.Restarts(1), daemontest.Logs("there were 3 restarts"), daemontest.Exit(1), daemontest.LockReleased(), daemontest.NoFile(pidPath)},
	})
}
