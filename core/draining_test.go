package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// Scenarios for the way from the last iteration to exec, or to the end.

// An iteration that a restart waits for counts in a row of failures, should exec
// fail: a success ends the row, a failure is one more.
func TestAnIterationThatARestartWaitsForCounts(t *testing.T) {
	slow := daemontest.Instantly().FailsAt(2, errBoom).FailsAt(3, errBoom)
	for _, c := range []struct {
		name    string
		execute daemontest.Script
		want    daemontest.Want
	}{
		{"success", slow.Except(4, 2*time.Second).FailsAt(5, errBoom).FailsAt(6, errBoom), daemontest.Want{
			daemontest.Exit(0), daemontest.LogsTimes("failure 2 in a row", 2), daemontest.NoLog("fatal error"),
		}},
		{"failure", slow.DoesAt(4, fails(2*time.Second)).FailsAt(5, errBoom), daemontest.Want{
			daemontest.Exit(1), daemontest.Logs("Error: Execute #5: boom\nShutting Down: fatal error"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(core.MaxConsecutiveFailures(3)), daemontest.Scenario{
				Args:    "-d",
				Execute: c.execute,
				Steps:   daemontest.Steps{at(1, daemontest.LoseBinary()), at(3.5, hup), stopAt(20.5).Maybe()},
				Want:    append(c.want, daemontest.Logs("could not be executed"), daemontest.LockReleased()),
			})
		})
	}
}

func fails(after time.Duration) core.Func {
	return func(ctx context.Context, d *core.Daemon) error {
		return errors.Join(errBoom, clockwork.Sleep(ctx, d.Clock(), after))
	}
}

// An end that is forced does not wait for the mails: the log says how many are
// not delivered.
func TestAForcedEndTellsWhichMailsItHasNotSent(t *testing.T) {
	hangs := core.Teardown(daemontest.Hangs)
	for name, c := range map[string]struct {
		options []core.Option
		execute daemontest.Script
	}{
		"draining":     {nil, daemontest.Instantly().FailsAt(3, errBoom).HangsAt(4)},
		"tearing down": {[]core.Option{hangs}, daemontest.Instantly().FailsAt(3, errBoom)},
		"mailing":      {nil, daemontest.Instantly().FailsAt(3, errBoom)},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(append(c.options, core.MaxConsecutiveFailures(3))...), daemontest.Scenario{
				Execute: c.execute,
				Steps:   daemontest.Steps{at(1, daemontest.MailTakes(time.Minute)), at(3.5, term), at(4.2, term), at(4.9, term).Maybe()},
				Want: daemontest.Want{
					daemontest.Exit(1), daemontest.Logs("leaving at once"), daemontest.LogsTimes("1 alert waits in /var/log/poller.log.spool for the next start", 1),
				},
			})
		})
	}
}

// A program that loses the lock before it is ready hands the grid on: what has
// passed until the next one is ready was missed.
func TestTheGridOutlivesALockThatIsLostDuringSetup(t *testing.T) {
	for name, lose := range map[string]daemontest.Step{
		"exec succeeds": at(9, daemontest.Memory(1)),
		"exec fails":    at(11, daemontest.LoseBinary()),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(core.Setup(func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), 5*time.Second) })), daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{lose, at(10.2, hup), at(12, daemontest.FreeLock(leaseURL)), stopAt(25.5)},
				Want: daemontest.Want{
					daemontest.Exit(0), startsAt(5, 6, 7, 8, 9, 10, 17.62, 18, 19, 20, 21, 22, 23, 24, 25), daemontest.MissedTicks(7),
					daemontest.Logs("Lock Lost"), daemontest.LockReleased(),
				},
			})
		})
	}
}

// While a lock is given back, be it lost or not, the daemon answers.
func TestADumpIsAnsweredWhileALockIsGivenBack(t *testing.T) {
	want := daemontest.Want{daemontest.LogsTimes("Dump of poller", 1), daemontest.Logs("the lock was not given back")}
	for name, c := range map[string]struct {
		steps daemontest.Steps
		want  daemontest.Want
	}{
		"before exec": {
			daemontest.Steps{at(4.9, daemontest.LockTakes(3*time.Second)), at(8.5, usr1), at(9, daemontest.LockTakes(0)), stopAt(20.5)},
			daemontest.Want{daemontest.Restarts(1), daemontest.Logs("Lock Lost"), startsBetween(9.7, 10), daemontest.LockReleased(), daemontest.Exit(0)},
		},
		"before the end": {
			daemontest.Steps{at(5.1, daemontest.LockTakes(3*time.Second)), stopAt(5.2), at(6.5, usr1)}, daemontest.Want{endsAt(7.2), daemontest.Exit(0)},
		},
		"an end that is forced": {
			daemontest.Steps{at(5.1, daemontest.LockTakes(3*time.Second)), stopAt(5.2), at(6.1, usr1), at(6.5, term)}, daemontest.Want{endsAt(6.5), daemontest.Exit(1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(core.Standby()), daemontest.Scenario{
				Args: "-d", Execute: daemontest.Instantly(), Steps: c.steps, Want: append(c.want, want...),
			})
		})
	}
}

// The lock is looked after at its pace, however often an exec fails in between.
func TestExecsThatFailDoNotPutOffTheLookAtTheLock(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(0.5, daemontest.LoseBinary()), at(1.5, daemontest.StealLock(lockURL)), at(7.5, hup), stopAt(15.5),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Logs("Lock Lost"), noStartBetween(10.01, 16), daemontest.LogsTimes("could not be executed", 2),
		},
	})
}

// A next program that its own checks refuse after exec is the end, which nobody
// watches: it is mailed.
func TestChecksThatFailAfterExecAreMailed(t *testing.T) {
	play(t, equipped(core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
		if d.Restarts() > 0 { // not in the trial
			return errBoom
		}
		return nil
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5.5, hup)},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Logs("Shutting Down: boom"), daemontest.Mails(1), daemontest.MailContains("Shutting Down: boom"),
			daemontest.LockReleased(),
		},
	})
}

// A program that needs too much memory from its start is not restarted again and
// again: the pauses grow.
func TestRestartsForMemoryThatDoNotHelpBecomeRare(t *testing.T) {
	play(t, equipped(core.RestartAboveMemory(64<<20)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0.5, daemontest.Memory(100<<20)), stopAt(600.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(14)},
	})
}

// A teardown that does not return is left behind, with and without a lock.
func TestATeardownWithoutALockIsLeftBehind(t *testing.T) {
	play(t, poller(core.Teardown(daemontest.Hangs)), daemontest.Scenario{
		Args:    "-v",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5)},
		Want:    daemontest.Want{daemontest.Exit(1), endsAt(12.5), daemontest.Stdout("teardown does not return")},
	})
	restart := core.On(core.HookRestart, func(ctx context.Context, d *core.Daemon, _ core.HookInfo) { _ = daemontest.Hangs(ctx, d) })
	play(t, equipped(core.Standby(), restart), daemontest.Scenario{
		Held:    []string{lockURL},
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1, daemontest.LoseBinary()), at(2, hup), at(20, daemontest.FreeLock(lockURL)), stopAt(30.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), noStartBetween(-1, 20), startsBetween(20, 21), daemontest.Logs("teardown does not return"),
			daemontest.LockReleased(),
		},
	})
}
