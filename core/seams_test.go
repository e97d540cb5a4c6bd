package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// failsAfter is a function that fails in the program after so many restarts.
func failsAfter(restarts int64) core.Func {
	return func(_ context.Context, d *core.Daemon) error {
		if d.Restarts() == restarts {
			return errBoom
		}
		return nil
	}
}

// between wants that many iterations to start in that time.
func between(from, to float64, least, most int) daemontest.Expectation {
	return daemontest.Check("iterations", func(r *daemontest.Result) error {
		n := 0
		for _, at := range r.Starts() {
			if at >= seconds(from)[0] && at < seconds(to)[0] {
				n++
			}
		}
		if n < least || n > most {
			return fmt.Errorf("they start at %v", r.Starts())
		}
		return nil
	})
}

// Pairs of features that meet seldom.
func TestSeams(t *testing.T) {
	lose, back := daemontest.LoseBinary(), daemontest.BreakBinary(nil)
	broken := daemontest.BreakBinary(errors.New("typo"))
	hangs := func(ctx context.Context, d *core.Daemon) error { return daemontest.Hangs(ctx, d) }
	busy := func(o ...core.Option) daemontest.NewFunc {
		return equipped(append([]core.Option{core.Every(0)}, o...)...)
	}
	big, small := daemontest.Memory(200<<20), daemontest.Memory(1<<20)
	type seam struct {
		name    string
		declare daemontest.NewFunc
		args    string
		execute daemontest.Script
		steps   daemontest.Steps
		want    daemontest.Want
	}
	short := daemontest.Takes(100 * time.Millisecond)
	for _, c := range []seam{
		{
			"calendar, warm-up, restart", nightly("0 * * * *", warms(3*time.Second)), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(600, hup), at(2*3600+1800, term)},
			daemontest.Want{startsAt(3600, 7200), daemontest.Restarts(1), daemontest.MissedTicks(0), daemontest.Exit(0)},
		},
		{
			"calendar, warm-up over a tick after a restart", nightly("0 * * * *", warms(30*time.Second)), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(3590, hup), at(2*3600+1800, term)},
			daemontest.Want{between(3600, 3630, 1, 1), between(3630, 7199, 0, 0), between(7199, 7201, 1, 1), daemontest.Exit(0)},
		},
		{
			"calendar, killed in an iteration", nightly("0 * * * *", warms(time.Second)), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(3610, kill), at(2*3600+1800, term)},
			daemontest.Want{startsAt(3600, 7200), daemontest.Exit(0)},
		},
		{
			"calendar, warm-up that fails after a restart", nightly("0 * * * *", core.WarmUp(failsAfter(1))), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(600, hup), at(2*3600+1800, term)},
			daemontest.Want{startsAt(3600, 7200), daemontest.Restarts(2), daemontest.Exit(0)},
		},
		{
			"calendar, failed exec", nightly("0 * * * *"), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(3000, lose), at(3610, hup), at(2*3600+1800, term)},
			daemontest.Want{startsAt(3600, 7200), daemontest.Restarts(0), daemontest.MissedTicks(0), daemontest.Exit(0)},
		},
		{
			"calendar, refused trial in an iteration", nightly("0 * * * *"), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(3000, broken), at(3610, hup), at(2*3600+1800, term)},
			daemontest.Want{startsAt(3600, 7200), daemontest.Restarts(0), daemontest.Exit(0)},
		},
		{
			"calendar, fatal error", nightly("* * * * *"), "-d", daemontest.Takes(time.Second).FailsAt(3, errBoom),
			daemontest.Steps{at(330, term)},
			daemontest.Want{startsAt(60, 120, 180, 240, 300), daemontest.Restarts(1), daemontest.MissedTicks(0), daemontest.Exit(0)},
		},
		{
			"calendar, fatal error, back-off over two ticks", nightly("* * * * *", core.RestartBackoff(150*time.Second, 150*time.Second)), "-d", daemontest.Takes(time.Second).FailsAt(3, errBoom),
			daemontest.Steps{at(450, term)},
			daemontest.Want{between(181, 315, 0, 0), between(315, 358, 1, 1), between(358, 450, 2, 2), daemontest.Restarts(1), daemontest.MissedTicks(2), daemontest.Exit(0)},
		},
		{
			"calendar, SIGSTOP, CatchUp", nightly("* * * * *", core.MissedTicks(core.CatchUp)), "", daemontest.Takes(time.Second),
			daemontest.Steps{at(130, halt), at(310, cont), at(370, term)},
			daemontest.Want{between(0, 130, 2, 2), between(310, 315, 3, 3), between(359, 361, 1, 1), daemontest.Exit(0)},
		},
		{
			"calendar, SIGSTOP, Skip", nightly("* * * * *", core.MissedTicks(core.Skip)), "", daemontest.Takes(time.Second),
			daemontest.Steps{at(130, halt), at(310, cont), at(370, term)},
			daemontest.Want{startsAt(60, 120, 360), daemontest.MissedTicks(3), daemontest.Exit(0)},
		},
		{
			"calendar, suspended, restart", nightly("* * * * *"), "-d", daemontest.Takes(time.Second),
			daemontest.Steps{at(130, daemontest.Suspend(200*time.Second)), at(331, hup), at(370, term)},
			daemontest.Want{daemontest.Restarts(1), startsAt(60, 120, 130, 160, 220, 280, 340), daemontest.MissedTicks(3), daemontest.Exit(0)},
		},
		{
			"calendar, wall clock an hour back, restart", nightly("0 * * * *"), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(4000, daemontest.StepWallClock(-time.Hour)), at(4100, hup), at(7300, term)},
			daemontest.Want{between(0, 3601, 1, 1), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		{
			"calendar, disk full", nightly("* * * * *"), "-d", daemontest.Takes(time.Second),
			daemontest.Steps{at(70, daemontest.DiskFull(true)), at(130, hup), at(200, daemontest.DiskFull(false)), at(330, term)},
			daemontest.Want{startsAt(60, 120, 180, 240, 300), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		{
			"calendar, spread, killed within the spread", nightly("0 * * * *", core.Spread(10*time.Minute)), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(3000, hup), daemontest.AfterIteration(1, 0, kill), at(2*3600+1200, term)},
			daemontest.Want{between(3600, 4200, 1, 1), between(4201, 7199, 0, 0), between(7200, 7800, 1, 1), daemontest.Exit(0)},
		},
		{
			"calendar, jitter, restart", nightly("0 * * * *", core.Jitter(10*time.Minute)), "-d", daemontest.Takes(time.Minute),
			daemontest.Steps{at(3601, hup), at(2*3600+1200, term)},
			daemontest.Want{between(3600, 4200, 1, 1), between(7200, 7800, 1, 1), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		{
			"CatchUp, SIGSTOP", equipped(core.MissedTicks(core.CatchUp)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(5.5, halt), at(10.2, cont), at(12.5, term)},
			daemontest.Want{between(0, 5.1, 6, 6), between(10.19, 10.3, 5, 5), between(10.9, 12.1, 2, 2), daemontest.Exit(0)},
		},
		{
			"CatchUp, SIGSTOP, restart at once", equipped(core.MissedTicks(core.CatchUp)), "-d", daemontest.Takes(10 * time.Millisecond),
			daemontest.Steps{at(5.5, halt), at(10.2, cont, hup), at(12.5, term)},
			daemontest.Want{between(0, 5.1, 6, 6), between(10.19, 10.9, 5, 5), between(10.9, 12.1, 2, 2), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		{
			"CatchUp, suspended", equipped(core.MissedTicks(core.CatchUp)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(5.5, daemontest.Suspend(time.Minute)), at(70.7, term)},
			daemontest.Want{between(0, 5.1, 6, 6), daemontest.Exit(0)},
		},
		{
			"CatchUp, fatal error", equipped(core.MissedTicks(core.CatchUp)), "-d", daemontest.Instantly().FailsAt(15, errBoom),
			daemontest.Steps{at(25.5, term)},
			daemontest.Want{daemontest.Iterations(26), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		{
			"Skip, overrun, SIGCONT", equipped(core.MissedTicks(core.Skip)), "-d", daemontest.Instantly().Except(3, 2500*time.Millisecond),
			daemontest.Steps{at(3.5, cont), at(7.5, term)},
			daemontest.Want{startsAt(0, 1, 2, 5, 6, 7), daemontest.MissedTicks(2), daemontest.Exit(0)},
		},
		{
			"FixedDelay, SIGSTOP in the pause, SIGCONT", bare(core.FixedDelay(2*time.Second), core.Execute(idles)), "-d", daemontest.Takes(time.Second),
			daemontest.Steps{at(4.5, halt), at(10.2, cont), at(14.5, term)},
			daemontest.Want{between(0, 4.5, 2, 2), between(10.1, 10.4, 1, 1), between(13.1, 13.3, 1, 1), daemontest.Exit(0)},
		},
		{
			"FixedDelay, failed exec", bare(core.FixedDelay(2*time.Second), core.Execute(idles)), "-d", daemontest.Takes(time.Second),
			daemontest.Steps{at(3.5, lose), at(4.5, hup), at(11.9, term)},
			daemontest.Want{daemontest.Restarts(0), startsAt(0, 3, 6, 9), daemontest.Exit(0)},
		},
		{
			"Spread, restart, killed", equipped(core.Spread(500 * time.Millisecond)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(15.5, hup), at(20.1, term)},
			daemontest.Want{daemontest.Restarts(1), between(0, 20, 20, 21), daemontest.MissedTicks(0), daemontest.Exit(0)},
		},
		{
			"MaxRestarts, failed exec", equipped(core.MaxRestarts(1, time.Hour)), "-d", daemontest.Instantly().FailsAt(15, errBoom).FailsAt(25, errBoom),
			daemontest.Steps{at(1, lose)},
			daemontest.Want{daemontest.Restarts(0), daemontest.Iterations(25), daemontest.Logs("there were 1 restarts after errors within 1h0m0s already"), daemontest.Exit(1), daemontest.LockReleased()},
		},
		{
			"MaxRestarts, refused trial", equipped(core.MaxRestarts(1, time.Hour)), "-d", daemontest.Instantly().FailsAt(15, errBoom).FailsAt(25, errBoom),
			daemontest.Steps{at(1, broken)},
			daemontest.Want{daemontest.Restarts(0), daemontest.Iterations(25), daemontest.Logs("there were 1 restarts after errors within 1h0m0s already"), daemontest.Exit(1), daemontest.LockReleased()},
		},
		{
			"MaxRestarts 0, iteration time-out", equipped(core.MaxRestarts(0, time.Hour), core.IterationTimeout(2*time.Second)), "-d", daemontest.Instantly().HangsAt(15),
			nil,
			daemontest.Want{daemontest.Iterations(15), daemontest.Exit(1), daemontest.Logs("without teardown")},
		},
		{
			"MaxRestarts 0, lock lost", leased(core.MaxRestarts(0, time.Hour)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(15.1, daemontest.FreeLock(leaseURL)), at(25.1, daemontest.FreeLock(leaseURL)), at(40.5, term)},
			daemontest.Want{daemontest.Restarts(2), startsBetween(30, 40), daemontest.Exit(0), daemontest.LockReleased()},
		},
		{
			"MaxRestarts 0, memory", equipped(core.MaxRestarts(0, time.Hour), core.RestartAboveMemory(100<<20)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(15.1, big), at(22.1, small), at(40.5, term)},
			daemontest.Want{daemontest.Restarts(1), startsBetween(30, 40), daemontest.Exit(0)},
		},
		{
			"a lock lost during a warm-up, SIGHUP", leased(warms(10 * time.Second)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(3, daemontest.FreeLock(leaseURL)), at(4.5, hup), at(60.5, term)},
			daemontest.Want{startsBetween(10, 40), daemontest.Exit(0), daemontest.LockReleased()},
		},
		{
			"a lock lost during a warm-up that does not end", leased(warmsOn(20 * time.Second)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(3, daemontest.FreeLock(leaseURL)), at(90.5, term)},
			daemontest.Want{startsBetween(10, 80), daemontest.Exit(0), daemontest.LockReleased()},
		},
		{
			"a lock stolen during a warm-up after a restart", leased(warms(10 * time.Second)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(15.5, hup), at(18, daemontest.StealLock(leaseURL))},
			daemontest.Want{noStartBetween(15.6, 90), daemontest.Logs("Lock Detected")},
		},
		{
			"interval 0, refused trial", busy(), "-d", short,
			daemontest.Steps{at(5, broken), at(12, hup), at(20.05, term)},
			daemontest.Want{daemontest.Restarts(0), between(13, 20, 69, 71), daemontest.Exit(0)},
		},
		{
			"interval 0, failed exec", busy(), "-d", short,
			daemontest.Steps{at(5, lose), at(12, hup), at(20.05, term)},
			daemontest.Want{daemontest.Restarts(0), between(13, 20, 69, 71), daemontest.Exit(0)},
		},
		{
			"interval 0, memory, refused trial", busy(core.RestartAboveMemory(100 << 20)), "-d", short,
			daemontest.Steps{at(5, broken), at(12, big), at(30, back), at(300.05, term)},
			daemontest.Want{between(13, 20, 69, 71), startsBetween(290, 301), daemontest.Exit(0)},
		},
		{
			"interval 0, tolerated failures, SIGHUP", busy(core.MaxConsecutiveFailures(2)), "-d", short.FailsAt(115, errBoom).FailsAt(117, errBoom),
			daemontest.Steps{at(12, hup), at(20.05, term)},
			daemontest.Want{daemontest.Restarts(1), daemontest.Failures(2), between(13, 20, 69, 71), daemontest.Exit(0)},
		},
		{
			"interval 0, time-out, SIGCONT", busy(core.IterationTimeout(time.Second)), "-d", short.HangsAt(115),
			daemontest.Steps{at(11.3, cont), at(30.05, term)},
			daemontest.Want{daemontest.Restarts(1), startsBetween(20, 30), daemontest.Exit(0)},
		},
		{
			"interval 0, a lock lost", leased(core.Every(0)), "-d", short,
			daemontest.Steps{at(12.1, daemontest.FreeLock(leaseURL)), at(30.05, term)},
			daemontest.Want{daemontest.Restarts(1), between(20, 30, 99, 101), daemontest.Exit(0), daemontest.LockReleased()},
		},
		{
			"interval 0, SIGSTOP beyond the lease", leased(core.Every(0)), "-d", short,
			daemontest.Steps{at(12.05, halt), at(30.05, cont), at(60.05, term)},
			daemontest.Want{startsBetween(50, 60), daemontest.Logs("Lock Lost"), daemontest.Exit(0), daemontest.LockReleased()},
		},
		{
			"CancelOnStop, restart", equipped(core.CancelOnStop()), "-d", daemontest.Does(func(ctx context.Context, _ *core.Daemon) error { <-ctx.Done(); return ctx.Err() }),
			daemontest.Steps{at(15.5, hup), at(30.5, term)},
			daemontest.Want{daemontest.Restarts(1), daemontest.Iterations(2), daemontest.Failures(0), daemontest.Exit(0)},
		},
		{
			"CancelOnStop, failed exec", equipped(core.CancelOnStop()), "-d", daemontest.Does(func(ctx context.Context, _ *core.Daemon) error { <-ctx.Done(); return ctx.Err() }),
			daemontest.Steps{at(1, lose), at(15.5, hup), at(30.5, term)},
			daemontest.Want{daemontest.Restarts(0), daemontest.Iterations(2), daemontest.Failures(0), daemontest.Exit(0)},
		},
		{
			"CancelOnStop, interval 0, refused trial", busy(core.CancelOnStop()), "-d", daemontest.Does(func(ctx context.Context, _ *core.Daemon) error { <-ctx.Done(); return ctx.Err() }),
			daemontest.Steps{at(1, broken), at(15.5, hup), at(30.5, term)},
			daemontest.Want{daemontest.Restarts(0), daemontest.Iterations(1), daemontest.Failures(0), daemontest.Exit(0)},
		},
		{
			"killed, PID file removed", equipped(), "-d -p poller.pid", daemontest.Instantly(),
			daemontest.Steps{at(20.2, daemontest.RemoveFile(pidPath)), at(20.5, kill), at(40.5, daemontest.Command(stopIt))},
			daemontest.Want{daemontest.ExitOf(stopIt, 0), deaths(1), startsBetween(22, 40), daemontest.Exit(0), daemontest.NoFile(pidPath)},
		},
		{
			"killed, lock stolen before it is followed", leased(core.Standby()), "-d", daemontest.Instantly(),
			daemontest.Steps{at(20.4, kill), at(20.5, daemontest.StealLock(leaseURL)), at(40, daemontest.FreeLock(leaseURL)), at(60.5, term)},
			daemontest.Want{noStartBetween(20.3, 40), startsBetween(40, 60), daemontest.Exit(0)},
		},
		{
			"killed in the back-off after an error", equipped(), "-d", daemontest.Instantly().FailsAt(20, errBoom),
			daemontest.Steps{at(20, kill), at(60.5, term)},
			daemontest.Want{deaths(1), startsBetween(22, 60), daemontest.Exit(0)},
		},
		{
			"killed, refused trial, killed again", equipped(), "-d", daemontest.Instantly(),
			daemontest.Steps{at(10, broken), at(20.5, kill), at(40.5, kill), at(80.5, term)},
			daemontest.Want{deaths(2), daemontest.Restarts(0), startsBetween(50, 80), daemontest.Exit(0)},
		},
		{
			"killed while a trial hangs", equipped(), "-d", daemontest.Instantly(),
			daemontest.Steps{at(10, daemontest.HangBinary()), at(20.5, hup), at(21, kill), at(60.5, term)},
			daemontest.Want{deaths(1), startsBetween(22, 60), daemontest.Exit(0)},
		},
		{
			"crash in a draining restart", equipped(), "-d", daemontest.Instantly().Except(21, 5*time.Second),
			daemontest.Steps{at(21, hup), at(22, daemontest.Signal(syscall.SIGQUIT)), at(60.5, term)},
			daemontest.Want{deaths(1), startsBetween(25, 60), daemontest.Exit(0)},
		},
		{
			"restart interval, killed", equipped(core.RestartEvery(30 * time.Second)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(20.5, kill), at(60.7, term)},
			daemontest.Want{deaths(1), daemontest.Restarts(2), daemontest.Exit(0)},
		},
		{
			"restart interval, standby", leased(core.RestartEvery(30*time.Second), core.Standby()), "-d", daemontest.Instantly(),
			daemontest.Steps{at(20.5, daemontest.StealLock(leaseURL)), at(80, daemontest.FreeLock(leaseURL)), at(100.7, term)},
			daemontest.Want{noStartBetween(24, 80), startsBetween(80, 100), daemontest.Exit(0)},
		},
		{
			"a handler that hangs, restart", equipped(core.OnSignal(syscall.SIGUSR2, hangs), core.ShutdownTimeout(3*time.Second)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(15.5, daemontest.Signal(syscall.SIGUSR2)), at(16.5, hup), at(40.5, term)},
			daemontest.Want{daemontest.Restarts(1), startsBetween(21, 40), daemontest.Exit(0)},
		},
		{
			"a handler that hangs, failed exec", equipped(core.OnSignal(syscall.SIGUSR2, hangs), core.ShutdownTimeout(3*time.Second)), "-d", daemontest.Instantly(),
			daemontest.Steps{at(1, lose), at(15.5, daemontest.Signal(syscall.SIGUSR2)), at(16.5, hup), at(40.5, usr1), at(50.5, term)},
			daemontest.Want{daemontest.Restarts(0), startsBetween(25, 40), daemontest.Logs("Dump of poller"), daemontest.Exit(1)},
		},
		{
			"slow mail, restart", equipped(), "-d", daemontest.Instantly().Except(5, 1500*time.Millisecond),
			daemontest.Steps{at(1, daemontest.MailTakes(40*time.Second)), at(15.5, hup), at(17, term)},
			daemontest.Want{daemontest.Restarts(1), between(15.4, 17, 1, 1), daemontest.Exit(0)},
		},
		{
			"-s restart while an iteration hangs", equipped(core.IterationTimeout(3 * time.Second)), "-d -p poller.pid", daemontest.Instantly().HangsAt(15),
			daemontest.Steps{at(14.5, daemontest.Command(restartIt)), at(40.5, term)},
			daemontest.Want{daemontest.ExitOf(restartIt, 0), startsBetween(18, 40), daemontest.Exit(0)},
		},
		{
			"an exec that fails, then Setup", equipped(core.Setup(func(_ context.Context, d *core.Daemon) error {
				if since := d.Clock().Boot() - time.Hour; since > 15*time.Second && since < 17*time.Second { // an hour after the machine's start
					return errBoom
				}
				return nil
			})), "-d", daemontest.Instantly(),
			daemontest.Steps{at(1, lose), at(15.5, hup), at(60.5, term)},
			daemontest.Want{daemontest.Restarts(0), startsBetween(17, 60), daemontest.Exit(0)},
		},
		{
			"setup fails after an error, then the binary is lost", equipped(core.Setup(failsAfter(1))), "-d", daemontest.Instantly().FailsAt(15, errBoom),
			daemontest.Steps{at(16.6, lose), at(40, back), at(80.5, term)},
			daemontest.Want{startsBetween(41, 80), daemontest.Exit(0), daemontest.LockReleased()},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, c.declare, daemontest.Scenario{Args: c.args, Execute: c.execute, Steps: c.steps, Want: c.want, Start: newYear})
		})
	}
}

// An Execute that ignores the loss of the lock is replaced at once, and its PID file
// goes: whoever has the lock takes that path next.
func TestAnIterationThatIgnoresALossLeavesNoPIDFile(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Instantly().HangsAt(16),
		Steps: daemontest.Steps{
			at(15.5, daemontest.StealLock(leaseURL)),
			at(20, daemontest.Do("look", func(w *daemontest.World) {
				if _, there := w.File(pidPath); there {
					w.Fail("the PID file is there")
				}
			})),
			at(30, daemontest.FreeLock(leaseURL)), stopAt(40.5),
		},
		Want: daemontest.Want{daemontest.Logs("Execute #16 ignores the loss of the lock"), daemontest.Restarts(1), startsBetween(30, 31), daemontest.Exit(0), daemontest.NoFile(pidPath)},
	})
}

// A teardown is told to end before it is left behind, also after an iteration that
// had to be told.
func TestATeardownAfterATimeoutIsToldFirst(t *testing.T) {
	waits := func(ctx context.Context, _ *core.Daemon) error { <-ctx.Done(); return nil }
	play(t, equipped(core.IterationTimeout(3*time.Second), core.MaxRestarts(0, time.Hour), core.Teardown(waits)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly().DoesAt(15, waits),
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Logs("Forced: teardown not finished within 10s"), daemontest.NoLog("it is left behind"), endsAt(27)},
	})
}

// That the lease of a dead process was waited out is told once, also where the daemon
// sets up again in the same program.
func TestALeaseIsWaitedOutOnce(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{at(20.5, kill), at(21, daemontest.BreakBinary(errors.New("typo"))), at(36, daemontest.LoseBinary()), at(40.2, daemontest.FreeLock(leaseURL)), stopAt(60.7)},
		Want:  daemontest.Want{daemontest.Exit(0), deaths(1), daemontest.LogsTimes("The lock was waited for", 1), daemontest.LogsTimes("could not be executed", 1)},
	})
}

// A program that waits out an outage, after a restart, is no standby to its supervisor:
// it is ready when it is.
func TestAnOutageAfterARestartIsNoStandby(t *testing.T) {
	play(t, leased(core.Standby()), daemontest.Scenario{
		Supervised: true, Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(15.4, daemontest.LockOutage(errors.New("down"))), at(15.5, hup), at(25, daemontest.LockOutage(nil)), stopAt(40.5),
		},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), daemontest.Check("no standby is told", func(r *daemontest.Result) error {
			for _, state := range r.Notified() {
				if strings.Contains(state, "Standing by") {
					return fmt.Errorf("the supervisor was told %q", state)
				}
			}
			return nil
		}), startsBetween(25, 40)},
	})
}

// A line that the log could not write, and writes in the end, is not handed over.
func TestALineIsWrittenOnceOverARestart(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(10.2, daemontest.DiskFull(true)), at(10.3, hup), at(10.31, daemontest.DiskFull(false)), stopAt(20.5),
		},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), daemontest.Check("one line", func(r *daemontest.Result) error {
			if text, _ := r.World().File(logPath); strings.Count(text, "Restart Asked: SIGHUP") != 1 {
				return fmt.Errorf("the log is %q", text)
			}
			return nil
		})},
	})
}

// A program that goes on after a teardown that was forced, and an exec that failed, is
// patient again.
func TestAStopAfterAForcedTeardownIsPatient(t *testing.T) {
	waits := func(ctx context.Context, d *core.Daemon) error { <-ctx.Done(); return nil }
	play(t, equipped(core.ShutdownTimeout(3*time.Second), core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		if d.Iteration() < 20 {
			return waits(ctx, d)
		}
		return nil
	})), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly().DoesAt(30, waits),
		Steps: daemontest.Steps{at(1, daemontest.LoseBinary()), at(10.5, hup), daemontest.DuringIteration(30, time.Second, term)},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Restarts(0), daemontest.Logs("Forced: not finished within 3s"), daemontest.NoLog("leaving without teardown"),
		},
	})
}
