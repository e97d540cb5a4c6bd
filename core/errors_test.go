package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

var errBoom = errors.New("boom")

// What a fatal error leads to depends on who watches, and on the run time.
func TestAFatalErrorEndsOrRestarts(t *testing.T) {
	for _, c := range []struct {
		name       string
		args       string
		supervised bool
		fails      int64 // this iteration, at a second less
		restarts   int
		says       string
	}{
		{"in the foreground", "", false, 21, 0, "without -d or a supervisor there is no automatic restart"},
		{"detached, within 10 s", "-d", false, 10, 0, "it came within the first 10s of run time"},
		{"detached, after 10 s", "-d", false, 11, 1, "Restarting after a fatal error"},
		{"supervised, after 10 s", "", true, 21, 1, "Restarting after a fatal error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, subject, last := 1, "poller Shutdown", float64(c.fails-1)
			if c.restarts > 0 {
				code, subject, last = 0, "poller Alert", 30.5
			}
			play(t, equipped(), daemontest.Scenario{
				Args:       c.args,
				Supervised: c.supervised,
				Execute:    daemontest.Instantly().FailsAt(c.fails, errBoom),
				Steps:      daemontest.Steps{stopAt(30.5).Maybe()},
				Want: daemontest.Want{
					daemontest.Exit(code), endsAt(last), daemontest.Restarts(c.restarts), daemontest.Failures(1),
					daemontest.Logs("Error: Execute #"), daemontest.Logs("boom\n"), daemontest.Logs(c.says),
					daemontest.Mails(1), daemontest.MailContains(subject), daemontest.MailContains(c.says), daemontest.LockReleased(),
				},
			})
		})
	}
}

// backoff is the pause before restart n in a row after an error.
func backoff(initial, limit time.Duration, n int) time.Duration {
	return clockwork.Backoff(initial, limit, n, "poller", "testhost")
}

// trialTakes is how long the trial of the next program takes in the harness.
const trialTakes = 20 * time.Millisecond

// After a fatal error the daemon backs off for about 2 s, counts the ticks that
// this costs, and is back on its grid.
func TestAFatalErrorBacksOffBeforeTheRestart(t *testing.T) {
	const failed = 15 * time.Second
	two, five := backoff(2*time.Second, time.Minute, 0), backoff(5*time.Second, 5*time.Second, 0)
	for _, c := range []struct {
		options []core.Option
		next    time.Duration
		missed  int64
	}{
		{nil, failed + two + trialTakes, int64((two + trialTakes) / time.Second)},
		{[]core.Option{core.RestartBackoff(0, 0)}, failed + time.Second, 0},
		{[]core.Option{core.RestartBackoff(5*time.Second, 5*time.Second)}, failed + five + trialTakes, int64((five + trialTakes) / time.Second)},
	} {
		play(t, equipped(c.options...), daemontest.Scenario{
			Args:    "-d",
			Execute: daemontest.Instantly().FailsAt(16, errBoom),
			Steps:   daemontest.Steps{stopAt(21.5)},
			Want: daemontest.Want{
				daemontest.Restarts(1), daemontest.MissedTicks(c.missed), daemontest.Exit(0),
				daemontest.Check("the next iteration at its time", func(r *daemontest.Result) error {
					if got := r.Starts()[16]; (got - c.next).Abs() > 2*time.Millisecond {
						return fmt.Errorf("%s instead of %s", got, c.next)
					}
					return nil
				}),
			},
		})
	}
}

// The back-off is doubled with each error in a row, up to its maximum, and
// starts again after ten quiet minutes.
func TestTheBackOffGrowsAndStartsAgain(t *testing.T) {
	r := play(t, equipped(core.RestartBackoff(2*time.Second, 20*time.Second), core.MaxRestarts(100, time.Hour)), daemontest.Scenario{
		Args: "-d",
		Execute: daemontest.Instantly().FailsAt(16, errBoom).FailsAt(17, errBoom).FailsAt(18, errBoom).
			FailsAt(19, errBoom).FailsAt(20, errBoom).FailsAt(700, errBoom),
		Steps: daemontest.Steps{stopAt(800)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Failures(6), daemontest.Restarts(6)},
	})
	starts := r.Starts()
	for i, n := range []int{0, 1, 2, 3, 4, 0} {
		failed := 15 + i // the index of the iteration that has failed
		if i == 5 {
			failed = 699
		}
		pause := starts[failed+1] - starts[failed]
		if want := backoff(2*time.Second, 20*time.Second, n) + trialTakes; (pause - want).Abs() > 2*time.Millisecond {
			t.Errorf("after error %d the next iteration starts %s later, want %s", i+1, pause, want)
		}
	}
}

// With MaxRestarts, too many restarts after errors within a time are the end.
// The count is carried from program to program.
func TestTooManyErrorsAreTheEnd(t *testing.T) {
	for _, c := range []struct {
		name     string
		options  []core.Option
		restarts int
		says     string
	}{
		{"five", []core.Option{core.MaxRestarts(5, 2*time.Minute)}, 5, "there were 5 restarts after errors within 2m0s already"},
		{"two", []core.Option{core.MaxRestarts(2, time.Minute)}, 2, "there were 2 restarts after errors within 1m0s already"},
		{"none", []core.Option{core.MaxRestarts(0, time.Minute)}, 0, "there were 0 restarts after errors within 1m0s already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(c.options...), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: daemontest.Instantly().FailsFrom(16, errBoom),
				Want: daemontest.Want{
					daemontest.Restarts(c.restarts), daemontest.Exit(1), daemontest.Logs(c.says), daemontest.LastLog("Exit status: 1"),
					daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// Without a limit, a daemon that was ready for 10 s goes on restarting until what
// it needs is there again, once a minute in the end.
func TestADaemonThatWasReadyNeverGivesUp(t *testing.T) {
	for _, supervised := range []bool{true, false} {
		args := map[bool]string{false: "-d -p poller.pid"}[supervised]
		play(t, equipped(), daemontest.Scenario{
			Args: args, Supervised: supervised,
			Execute: daemontest.Instantly().FailsFrom(16, errBoom).Maybe(),
			Steps:   daemontest.Steps{at(3600, usr1), stopAt(3601)},
			Want: daemontest.Want{
				daemontest.Failures(64), daemontest.Restarts(63), daemontest.Logs("\nRestarts:          63, the last one: fatal error"),
				daemontest.Exit(0), daemontest.LockReleased(),
			},
		})
	}
}

// Errors that lie further apart than the window allow restarts for ever, and
// restarts that were asked for do not count.
func TestErrorsFarApartNeverEndTheDaemon(t *testing.T) {
	steps := daemontest.Steps{stopAt(1000)}
	for i := range 20 {
		steps = append(steps, at(float64(i)*4+111, hup))
	}
	play(t, equipped(core.Every(time.Minute), core.RestartBackoff(2*time.Second, 2*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsFrom(2, errBoom),
		Steps:   steps,
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Failures(16), daemontest.Restarts(36)},
	})
}

// A panic is a fatal error whose stack is in the log, each line under the
// prefix.
func TestAPanicIsLoggedWithItsStack(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly().PanicsAt(3, "argh"),
		Want: daemontest.Want{
			daemontest.Exit(1), endsAt(2), daemontest.Mails(1),
			daemontest.FileContains(logPath, "] 100 Error: Execute #3: panic: argh\n[2026-01-01 00:00:02] 100 goroutine "),
			daemontest.FileContains(logPath, "] 100 panic({"), daemontest.MailContains("panic: argh"),
		},
	})
}

// MaxConsecutiveFailures makes only the n-th failure in a row fatal; a success in between
// starts the count again.
func TestToleratedFailuresAreAlertedAndNotFatal(t *testing.T) {
	play(t, equipped(core.MaxConsecutiveFailures(3)), daemontest.Scenario{
		Execute: daemontest.Instantly().FailsAt(2, errBoom).FailsAt(3, errBoom).FailsAt(5, errBoom).FailsAt(6, errBoom).FailsAt(7, errBoom),
		Want: daemontest.Want{
			daemontest.Exit(1), startsAt(0, 1, 2, 3, 4, 5, 6), daemontest.Failures(5), daemontest.Mails(2),
			daemontest.LogsTimes("Tolerated: failure 1 in a row of 3", 2), daemontest.LogsTimes("Tolerated: failure 2 in a row of 3", 2),
		},
	})
}

// Fatal ends the iteration with an error of its own, from any depth; deferred
// functions run.
func TestFatalEndsTheIteration(t *testing.T) {
	deep := func(d *core.Daemon) {
		defer d.Logf("deferred")
		d.Fatalf("row %d is broken", 7)
	}
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			deep(d)
			d.Logf("not reached")
			return nil
		}),
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Logs("Error: Execute #1: row 7 is broken\n"), daemontest.Logs("deferred"),
			daemontest.NoLog("not reached"), daemontest.NoLog("goroutine"),
		},
	})
}

// A binary that would not start after a fatal error leaves the old one no
// better choice than to go on.
func TestAFatalErrorWithABrokenBinaryGoesOn(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Steps:   daemontest.Steps{at(5, daemontest.BreakBinary(errors.New("typo"))), at(16, usr1), stopAt(20.5)},
		Want: daemontest.Want{
			daemontest.Restarts(0), daemontest.Logs("Restart Refused"), daemontest.Iterations(20), daemontest.MissedTicks(2), daemontest.Exit(0),
		},
	})
}

// SIGTERM during the back-off ends the daemon at once.
func TestSIGTERMEndsTheBackOff(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Steps:   daemontest.Steps{stopAt(16)},
		Want:    daemontest.Want{endsAt(16), daemontest.Exit(0), daemontest.Restarts(0), daemontest.LastLog("Exit status: 0")},
	})
}

// A lease that is lost during the back-off: the next program must win it again.
func TestALeaseMayBeLostDuringTheBackOff(t *testing.T) {
	play(t, leased(core.RestartBackoff(10*time.Second, 10*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Steps:   daemontest.Steps{at(16, daemontest.FreeLock(leaseURL)), stopAt(30.5)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.Logs("Lock Lost"), daemontest.Exit(0), daemontest.LockReleased()},
	})
}

// A long back-off keeps its lease.
func TestALongBackOffKeepsItsLease(t *testing.T) {
	play(t, leased(core.RestartBackoff(10*time.Second, 10*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Steps:   daemontest.Steps{stopAt(30.5)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.NoLog("Lock Lost"), daemontest.Exit(0), daemontest.LockReleased()},
	})
}

// A failure while the daemon drains is told, and does not change the exit
// status.
func TestAFailureWhileDrainingIsTold(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(context.Context, *core.Daemon) error {
			time.Sleep(500 * time.Millisecond)
			return errBoom
		}),
		Steps: daemontest.Steps{stopAt(0.2)},
		Want:  daemontest.Want{daemontest.Exit(0), endsAt(0.5), daemontest.Logs("Error: Execute #1: boom"), daemontest.Mails(1)},
	})
}

// An iteration that runs for longer than its time-out has all stacks dumped, is
// alerted, and the daemon restarts although Execute never returns.
func TestTheTimeLimitRestartsAHungDaemon(t *testing.T) {
	play(t, equipped(core.Every(10*time.Second), core.IterationTimeout(3*time.Second)), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Takes(time.Second).HangsAt(3),
		Steps:   daemontest.Steps{stopAt(45)},
		Want: daemontest.Want{
			startsAt(0, 10, 20, 30, 40), daemontest.Restarts(1), daemontest.Mails(1),
			daemontest.MailContains("Error: Execute #3 has run for longer than its time-out of 3s"),
			daemontest.FileContains(logPath, "Forced: time-out of 3s reached"), daemontest.FileContains(logPath, "] 101 goroutine "),
			daemontest.Logs("Error: Execute #3 does not return: it is left behind"), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// An iteration that obeys its context is not left behind at its time-out.
func TestTheTimeLimitCancelsTheContext(t *testing.T) {
	play(t, equipped(core.Every(10*time.Second), core.IterationTimeout(3*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Takes(time.Second).Except(3, 9*time.Second),
		Steps:   daemontest.Steps{stopAt(45)},
		Want: daemontest.Want{
			startsAt(0, 10, 20, 30, 40), daemontest.Restarts(1), daemontest.Failures(1), daemontest.NoLog("left behind"), daemontest.Exit(0),
		},
	})
}

// In the foreground the time-out is the end; there, too, exit status and log
// agree.
func TestTheTimeLimitEndsAForegroundDaemon(t *testing.T) {
	for name, execute := range map[string]daemontest.Script{
		"heedless": daemontest.Instantly().HangsAt(1), "obedient": daemontest.Takes(9 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(core.Every(10*time.Second), core.IterationTimeout(3*time.Second)), daemontest.Scenario{
				Execute: execute,
				Want: daemontest.Want{
					daemontest.Exit(1), daemontest.LastLog("Exit status: 1"), daemontest.Restarts(0), daemontest.MailContains("poller Shutdown"),
					daemontest.LockReleased(),
				},
			})
		})
	}
}

// At interval 0 the time-out counts for each iteration.
func TestTheTimeLimitAtIntervalZeroIsEachIterations(t *testing.T) {
	play(t, equipped(core.Every(0), core.IterationTimeout(time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Takes(300 * time.Millisecond).HangsAt(20),
		Steps:   daemontest.Steps{stopAt(15)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.LogsTimes("has run for longer than its time-out", 1), daemontest.Exit(0)},
	})
}

// Hung iterations count as errors: too many of them are the end.
func TestTooManyHungIterationsAreTheEnd(t *testing.T) {
	script := daemontest.Instantly()
	for n := range int64(6) {
		script = script.HangsAt(n + 3)
	}
	play(t, equipped(core.IterationTimeout(time.Second), core.MaxRestarts(5, 2*time.Minute)), daemontest.Scenario{
		Args: "-d", Execute: script,
		Want: daemontest.Want{daemontest.Restarts(5), daemontest.Exit(1), daemontest.LastLog("Exit status: 1"), daemontest.LockReleased()},
	})
}

// A daemon that was ready outlives that its Setup fails after a restart: it backs
// off, and restarts, or sets up again where the next program is refused.
func TestAFailedSetupAfterARestartIsTriedAgain(t *testing.T) {
	const back = 60 * time.Second // what Setup needs is away until then
	away := core.Setup(func(_ context.Context, d *core.Daemon) error {
		if up := d.Uptime(); up > 0 && up < back {
			return errors.New("no database")
		}
		return nil
	})
	for _, c := range []struct {
		name  string
		args  string
		steps daemontest.Steps
		want  daemontest.Want
	}{
		{"after an error", "-d -p poller.pid", nil, daemontest.Want{daemontest.Restarts(5)}},
		{"when asked to restart", "-d -p poller.pid", daemontest.Steps{at(14.5, daemontest.Command("-s restart -p poller.pid"))}, daemontest.Want{
			daemontest.Restarts(6), daemontest.ExitOf("-s restart -p poller.pid", 1), daemontest.Stderr("no database"),
		}},
		{"the next program is refused", "-d -p poller.pid", daemontest.Steps{
			at(19, daemontest.BreakBinary(errors.New("a typo"))), at(40, daemontest.BreakBinary(nil)),
		}, daemontest.Want{daemontest.Logs("Restart Refused")}},
		{"stopped in the back-off", "-d -p poller.pid", daemontest.Steps{at(30, term)}, daemontest.Want{endsAt(30)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := daemontest.Instantly().FailsAt(16, errBoom)
			if len(c.steps) == 1 && c.name != "stopped in the back-off" {
				script = daemontest.Instantly()
			}
			play(t, equipped(away), daemontest.Scenario{
				Args: c.args, Execute: script,
				Steps: append(c.steps, at(200, term).Maybe()),
				Want: append(c.want, daemontest.Logs("Error: setup: no database\nRestarting after a fatal error"),
					daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath)),
			})
		})
	}
	// In the foreground, and in the first 10 s, it is the end.
	play(t, equipped(away), daemontest.Scenario{
		Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(14.5, hup)},
		Want: daemontest.Want{daemontest.Restarts(1), daemontest.Exit(1), daemontest.Logs("Shutting Down: setup: no database")},
	})
	play(t, equipped(away), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(4.5, hup)},
		Want: daemontest.Want{daemontest.Restarts(1), daemontest.Exit(1), daemontest.Logs("Shutting Down: setup: no database")},
	})
	// MaxRestarts counts these restarts, too.
	play(t, equipped(away, core.MaxRestarts(3, time.Hour)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Want: daemontest.Want{daemontest.Restarts(3), daemontest.Exit(1), daemontest.Logs("there were 3 restarts after errors"), daemontest.LockReleased()},
	})
}
