package core_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// In these scenarios, too, a lease lives for 4 s, is renewed each 0.8 s, and given
// up 3 s after the last renewal that has succeeded.

// cancelledBy wants the context of cancelledAt to end in that time.
func cancelledBy(least, most float64) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("the context to end from %gs to %gs", least, most), func(r *daemontest.Result) error {
		if at := r.LoggedAt("cancelled: lock lost"); len(at) == 0 || at[0] < seconds(least)[0] || at[0] > seconds(most)[0] {
			return fmt.Errorf("it ended at %v", at)
		}
		return nil
	})
}

// An iteration that ignores the loss of the lock is ended within the lease's
// margin: by the next program, which waits for its former lease, or by the end.
func TestAnExecuteThatIgnoresTheLossIsEndedInTime(t *testing.T) {
	stays := core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(5 * time.Second); return nil })
	for name, c := range map[string]struct {
		args  string
		steps daemontest.Steps
		want  daemontest.Want
		by    float64
	}{
		"replaced": {
			"-d -p poller.pid",
			daemontest.Steps{at(5.5, daemontest.LockOutage(errBoom)), at(9, daemontest.LockOutage(nil)), stopAt(25)},
			daemontest.Want{daemontest.Restarts(1), daemontest.Exit(0), noStartBetween(0.1, 9), startsBetween(9, 10.1), daemontest.Logs("could not be renewed in time (the latest renewal that succeeded was asked for 3s ago; a lease lives for 4s)")},
			8.8,
		},
		"ended": {
			"-p poller.pid",
			daemontest.Steps{at(5.5, daemontest.LockOutage(errBoom))},
			daemontest.Want{daemontest.Restarts(0), daemontest.Exit(1), endsAt(8.3)},
			8.8,
		},
		"stolen": {
			"-d -p poller.pid",
			daemontest.Steps{at(5.5, daemontest.StealLock(leaseURL))},
			daemontest.Want{daemontest.Restarts(1), daemontest.Exit(0), daemontest.Logs("Lock Detected")},
			6.1 + 0.5,
		},
		"while stopping": {
			"-d -p poller.pid",
			daemontest.Steps{at(5, term), at(5.5, daemontest.LockOutage(errBoom))},
			daemontest.Want{daemontest.Restarts(0), daemontest.Exit(1), endsAt(8.3)},
			8.8,
		},
		"without a binary": {
			"-d -p poller.pid",
			daemontest.Steps{at(1, daemontest.LoseBinary()), at(5.5, daemontest.LockOutage(errBoom))},
			daemontest.Want{daemontest.Restarts(0), daemontest.Exit(1), endsAt(8.3)},
			8.8,
		},
		"while the mail server is slow": {
			"-p poller.pid",
			daemontest.Steps{at(1, daemontest.MailTakes(time.Minute)), at(5.5, daemontest.LockOutage(errBoom))},
			daemontest.Want{daemontest.Exit(1), endsAt(8.3)},
			8.8,
		},
		"while the store is slow": {
			"-p poller.pid",
			daemontest.Steps{at(5.5, daemontest.LockTakes(time.Minute))},
			daemontest.Want{daemontest.Exit(1), endsAt(8.3)},
			8.8,
		},
		"while the store pauses": {
			"-p poller.pid",
			daemontest.Steps{at(5.5, daemontest.LockPauses(true))},
			daemontest.Want{daemontest.Exit(1), endsAt(8.3)},
			8.8,
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(core.Every(10*time.Second), core.ShutdownTimeout(time.Hour), stays), daemontest.Scenario{
				Args:    c.args,
				Execute: daemontest.Instantly().HangsAt(1),
				Steps:   c.steps,
				Want: append(c.want, daemontest.LogsTimes("Lock Lost", 1), daemontest.NoFile(pidPath),
					daemontest.LogsTimes("Forced: the lock is lost, and Execute #1 does not return", 1), // with what it does
					daemontest.Logs("Error: Execute #1 ignores the loss of the lock"),
					logsBy("ignores the loss of the lock", c.by)),
			})
		})
	}
}

// logsBy wants a message to be logged, and no later.
func logsBy(text string, by float64) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("%q by %gs", text, by), func(r *daemontest.Result) error {
		if at := r.LoggedAt(text); len(at) == 0 || at[len(at)-1] > seconds(by)[0] {
			return fmt.Errorf("it came at %v", at)
		}
		return nil
	})
}

// An Execute that takes a little time to end is waited for, and torn down as
// ever.
func TestAnExecuteThatEndsWithTheLockIsTornDown(t *testing.T) {
	tidy := func(ctx context.Context, d *core.Daemon) error {
		<-ctx.Done()
		time.Sleep(400 * time.Millisecond)
		d.Logf("doing tidied up")
		return context.Cause(ctx)
	}
	play(t, leased(core.Teardown(does("teardown"))), daemontest.Scenario{
		Execute: daemontest.Does(tidy),
		Steps:   daemontest.Steps{at(5.5, daemontest.LockOutage(errBoom))},
		Want:    daemontest.Want{daemontest.Exit(1), done("tidied up", "teardown"), daemontest.LogsTimes("Lock Lost", 1), daemontest.NoLog("ignores")},
	})
}

// SIGSTOP for longer than the lease lives: the context ends at SIGCONT, at once,
// and no iteration begins.
func TestTheContextEndsAtSIGCONT(t *testing.T) {
	for name, steal := range map[string]bool{"nobody took the lock": false, "somebody did": true} {
		t.Run(name, func(t *testing.T) {
			steps := daemontest.Steps{at(4.5, halt), at(20, cont), stopAt(30).Maybe()}
			if steal {
				steps = append(steps, at(10, daemontest.StealLock(leaseURL)))
			}
			play(t, leased(core.Every(3*time.Second), core.Execute(cancelledAt)), daemontest.Scenario{
				Args:   "-d",
				Steps:  steps,
				Orders: 10,
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.Restarts(1), cancelledBy(20, 20.01), noStartBetween(0.1, 19.9999), daemontest.LogsTimes("Lock Lost", 1),
				},
			})
		})
	}
}

// The machine sleeps for longer than the lease lives: the same, though no timer
// has counted that time.
func TestTheContextEndsWhenTheMachineWakes(t *testing.T) {
	play(t, leased(core.Every(3*time.Second), core.Execute(cancelledAt)), daemontest.Scenario{
		Args:   "-d",
		Steps:  daemontest.Steps{at(4.5, daemontest.Suspend(time.Hour)), stopAt(30)},
		Orders: 10,
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1), cancelledBy(4.5, 4.51), daemontest.LogsTimes("Lock Lost", 1), daemontest.LockReleased(),
		},
	})
	play(t, leased(), daemontest.Scenario{ // asleep itself, and at interval 0
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(4.5, daemontest.Suspend(time.Hour), daemontest.StealLock(leaseURL))},
		Want:    daemontest.Want{daemontest.Exit(0), startsAt(0, 1, 2, 3, 4), daemontest.Logs("Lock Lost"), endsBy(4.6)},
	})
	// One that is shorter than the lease costs nothing.
	play(t, leased(core.Every(0), core.Execute(func(context.Context, *core.Daemon) error { time.Sleep(100 * time.Millisecond); return nil })), daemontest.Scenario{
		Args:  "-d",
		Steps: daemontest.Steps{at(4.5, daemontest.Suspend(2*time.Second)), stopAt(30)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Restarts(0), daemontest.NoLog("Lock Lost"), daemontest.LockReleased()},
	})
}

// After a loss the log says who has the lock now. The look is never in the way.
func TestWhoHoldsALostLockIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		steps daemontest.Steps
		says  string
		end   float64
	}{
		"somebody":      {daemontest.Steps{at(5.5, daemontest.StealLock(leaseURL))}, "After The Loss: lock memory:poller is held by poller, PID 4711 on otherhost", 5.6},
		"nobody":        {daemontest.Steps{at(5.5, daemontest.FreeLock(leaseURL))}, "After The Loss: nobody holds the lock memory:poller", 5.6},
		"an outage":     {daemontest.Steps{at(5.5, daemontest.LockOutage(errBoom))}, "After The Loss: who holds the lock cannot be told: lock: look at memory:poller: boom", 7.8},
		"it takes long": {daemontest.Steps{at(5.5, daemontest.LockTakes(time.Hour))}, "After The Loss: who holds the lock cannot be told: ", 8.8 + 2 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(), daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Steps:   c.steps,
				Want:    daemontest.Want{daemontest.Exit(1), daemontest.LogsTimes("Lock Lost", 1), daemontest.LogsTimes(c.says, 1), endsBy(c.end + 0.1)},
			})
		})
	}
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5.5, daemontest.StealLock(lockURL))},
		Want:    daemontest.Want{daemontest.Exit(1), daemontest.Logs("After The Loss: lock file:/run/poller.lock is held by poller, PID 4711 on otherhost")},
	})
}

// What was abandoned may still execute, so a lock that is lost then ends the
// process, whatever it is waiting for.
func TestALossBesideAnAbandonedExecuteEndsTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		options []core.Option
		steps   daemontest.Steps
		want    daemontest.Want
	}{
		"backing off": {
			nil,
			daemontest.Steps{at(1, daemontest.BreakBinary(errors.New("no such file"))), at(30.1, daemontest.LockOutage(errBoom)), at(36, daemontest.LockOutage(nil)), stopAt(50.5)},
			daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), logsBy("ignores the loss", 34), startsBetween(36, 45)},
		},
		"in a teardown": {
			[]core.Option{core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(time.Minute); return nil }), core.ShutdownTimeout(time.Hour)},
			daemontest.Steps{at(20.1, daemontest.LockOutage(errBoom)), at(26, daemontest.LockOutage(nil)), at(40.5, kill)},
			daemontest.Want{daemontest.Killed(), daemontest.Restarts(1), logsBy("ignores the loss", 24), startsBetween(26, 35)},
		},
		"backing off, without a binary": {
			nil,
			daemontest.Steps{at(1, daemontest.BreakBinary(errors.New("no such file"))), at(30.1, daemontest.LockOutage(errBoom)), at(32, daemontest.LoseBinary())},
			daemontest.Want{daemontest.Exit(1), endsBy(34)},
		},
		"in a teardown, without a binary": {
			[]core.Option{core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(time.Minute); return nil }), core.ShutdownTimeout(time.Hour)},
			daemontest.Steps{at(1, daemontest.LoseBinary()), at(20.1, daemontest.LockOutage(errBoom))},
			daemontest.Want{daemontest.Exit(1), endsBy(24)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, leased(append(c.options, core.IterationTimeout(3*time.Second), core.Unwatched())...), daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly().HangsAt(15),
				Steps:   c.steps,
				Want:    append(c.want, daemontest.LogsTimes("Lock Lost", 1), daemontest.Logs("Forced: the lock is lost, and what was abandoned does not return")),
			})
		})
	}
}

// A lock with a TTL is not given back while what was abandoned may still
// execute: who comes next waits for the end of the lease.
func TestALeaseIsNotGivenBackBesideAnAbandonedExecute(t *testing.T) {
	play(t, leased(core.Every(time.Minute), core.ShutdownTimeout(time.Second)), daemontest.Scenario{
		Execute: daemontest.Instantly().HangsAt(1),
		Steps: daemontest.Steps{
			stopAt(5), at(8, daemontest.Do("look", func(w *daemontest.World) {
				if _, held := w.Holder(leaseURL); !held {
					w.Fail("the lock is free")
				}
			})),
			at(8.1, daemontest.Command(second)), at(15, daemontest.SignalTo(second, syscall.SIGKILL)),
		},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Of(second, daemontest.Killed()), daemontest.Logs("Error: the lock was not given back, because what does not return may go on"),
			noStartBetween(0.1, 9), startsBetween(9, 11),
		},
	})
}
