package core_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// Scenarios for pairs of a state and an event that are rare together, and for
// what was abandoned. None of them may let two iterations run at once, let one
// run without the lock, or leave the daemon standing.

// noStartBetween wants no iteration to start in that time.
func noStartBetween(from, to float64) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("no iteration from %gs to %gs", from, to), func(r *daemontest.Result) error {
		for _, at := range r.Starts() {
			if at > seconds(from)[0] && at < seconds(to)[0] {
				return fmt.Errorf("one starts at %s", at)
			}
		}
		return nil
	})
}

// startsBetween wants an iteration to start in that time.
func startsBetween(from, to float64) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("an iteration from %gs to %gs", from, to), func(r *daemontest.Result) error {
		for _, at := range r.Starts() {
			if at >= seconds(from)[0] && at <= seconds(to)[0] {
				return nil
			}
		}
		return fmt.Errorf("they start at %v", r.Starts())
	})
}

// The outcome of a trial that comes while the daemon drains is not lost: the
// trial that the plan asks for can start.
func TestATrialThatReturnsWhileDrainingIsNoted(t *testing.T) {
	play(t, equipped(core.Every(20*time.Second), core.IterationTimeout(5*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().HangsAt(2),
		Steps:   daemontest.Steps{at(24.99, hup), stopAt(70)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), startsBetween(39, 41), daemontest.LockReleased()},
	})
}

// A standby whose exec fails goes on standing by: it has no lock.
func TestAStandbyWhoseExecFailsDoesNotExecute(t *testing.T) {
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Held:  []string{lockURL},
		Steps: daemontest.Steps{at(1, daemontest.LoseBinary()), at(2, hup), at(10, daemontest.FreeLock(lockURL)), stopAt(20.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), noStartBetween(-1, 10), startsBetween(10, 11),
			daemontest.Logs("could not be executed"), daemontest.LockReleased(),
		},
	})
}

// A lease that is lost during a teardown is not executed under, whether the
// exec after it succeeds or fails.
func TestALeaseLostDuringTeardownIsNoted(t *testing.T) {
	for name, lose := range map[string]daemontest.Step{
		"exec fails":    at(2, daemontest.LoseBinary()),
		"exec succeeds": at(2, daemontest.Memory(1)),
	} {
		t.Run(name, func(t *testing.T) {
			slow := core.Teardown(func(_ context.Context, d *core.Daemon) error { time.Sleep(14 * time.Second); return nil })
			play(t, leased(core.Standby(), slow, core.ShutdownTimeout(20*time.Second)), daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly(),
				Steps: daemontest.Steps{
					lose, at(5, hup), at(8, daemontest.StealLock(leaseURL)),
					at(30, daemontest.FreeLock(leaseURL)), stopAt(40.5),
				},
				Want: daemontest.Want{
					daemontest.Exit(0), noStartBetween(6, 30), startsBetween(30, 32),
					daemontest.Logs("Lock Lost"), daemontest.LockReleased(),
				},
			})
		})
	}
}

// While an abandoned Execute may still be running, no other one starts in the
// process: the next program is tried again and again.
func TestNoIterationStartsBesideAnAbandonedOne(t *testing.T) {
	play(t, equipped(core.IterationTimeout(3*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().HangsAt(15),
		Steps: daemontest.Steps{
			at(1, daemontest.BreakBinary(errors.New("no such file"))), at(40, daemontest.BreakBinary(nil)), stopAt(120.5),
		},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1), noStartBetween(14.5, 40), startsBetween(40, 110),
			daemontest.Logs("the next program is tried again in"), daemontest.LockReleased(),
		},
	})
}

// Where exec fails, too, there is no way left but the end.
func TestAFailedExecBesideAnAbandonedIterationIsTheEnd(t *testing.T) {
	play(t, equipped(core.IterationTimeout(3*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().HangsAt(15),
		Steps:   daemontest.Steps{at(1, daemontest.LoseBinary())},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Iterations(15), daemontest.Mails(4), daemontest.LockReleased(),
			daemontest.MailContains("what was abandoned may still be running"),
		},
	})
}

// What an abandoned Execute still does has no effect; when it has returned, the
// daemon sets up again, because its Setup's context has ended.
func TestAnAbandonedIterationThatReturnsHasNoEffect(t *testing.T) {
	play(t, equipped(
		core.IterationTimeout(3*time.Second), core.Setup(does("Setup")), core.Teardown(does("Teardown")),
		core.On(core.HookPostExecute, func(_ context.Context, d *core.Daemon, h core.HookInfo) {
			if h.Iteration == 15 {
				d.Logf("a hook after the end")
			}
		}),
	), daemontest.Scenario{
		Args: "-d",
		Execute: daemontest.Instantly().DoesAt(15, func(context.Context, *core.Daemon) error {
			time.Sleep(10 * time.Second)
			return errBoom
		}),
		Steps: daemontest.Steps{at(1, daemontest.BreakBinary(errors.New("no such file"))), stopAt(120.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(0), daemontest.Failures(0), daemontest.NoLog("a hook after the end"),
			noStartBetween(14.5, 24), startsBetween(24, 100), done("Setup", "Teardown", "Setup", "Teardown"), daemontest.LockReleased(),
		},
	})
}

// At interval 0, too, a success ends a row of failures.
func TestASuccessEndsARowOfFailuresAtIntervalZero(t *testing.T) {
	play(t, equipped(core.Every(0), core.MaxConsecutiveFailures(2)), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			time.Sleep(time.Second)
			if d.Iteration()%2 == 0 {
				return errBoom
			}
			return nil
		}),
		Steps: daemontest.Steps{stopAt(20.5)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Failures(10), daemontest.NoLog("Shutting Down: fatal")},
	})
}

// A hook that hangs counts to its iteration's time-out.
func TestAHookThatHangsReachesTheTimeout(t *testing.T) {
	for _, hook := range []core.Hook{core.HookPreExecute, core.HookPostExecute, core.HookIdle} {
		t.Run(hook.String(), func(t *testing.T) {
			play(t, equipped(core.IterationTimeout(3*time.Second), core.On(hook, func(ctx context.Context, d *core.Daemon, h core.HookInfo) {
				if h.Iteration == 15 {
					_ = daemontest.Hangs(ctx, d)
				}
			})), daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{stopAt(30.5)},
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.Restarts(1), daemontest.Logs("has run for longer than its time-out"), startsBetween(18, 19),
				},
			})
		})
	}
}

// CrashOnPanic is for panics: Fatalf and Goexit are told as ever.
func TestCrashOnPanicIsForPanicsOnly(t *testing.T) {
	for says, execute := range map[string]core.Func{
		"Error: Execute #1: row 7 is broken": func(_ context.Context, d *core.Daemon) error { d.Fatalf("row %d is broken", 7); return nil },
		"runtime.Goexit was called":          func(context.Context, *core.Daemon) error { runtime.Goexit(); return nil },
	} {
		play(t, equipped(core.CrashOnPanic()), daemontest.Scenario{
			Execute: daemontest.Does(execute),
			Want:    daemontest.Want{daemontest.Exit(1), daemontest.Logs(says), daemontest.Failures(1), daemontest.LockReleased()},
		})
	}
}

// A signal to stop that is delivered twice within half a second is one; and the
// first one is never a second one, whatever has begun the end.
func TestOnlyASecondSignalForces(t *testing.T) {
	slow := core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(5 * time.Second); return nil })
	stops := core.Setup(func(_ context.Context, d *core.Daemon) error {
		time.AfterFunc(time.Second+time.Millisecond, func() { d.Stop("enough") })
		return nil
	})
	for _, c := range []struct {
		name    string
		options []core.Option
		execute daemontest.Script
		signals []float64
		code    int
		end     float64
	}{
		{"twice within 4 ms", nil, daemontest.Takes(400 * time.Millisecond), []float64{1.1, 1.104}, 0, 1.4},
		{"twice within 4 ms, in teardown", []core.Option{slow}, daemontest.Instantly(), []float64{1.1, 1.104}, 0, 6.1},
		{"a second one forces", []core.Option{slow}, daemontest.Instantly(), []float64{1.1, 1.6}, 1, 1.6},
		{"the first one after Stop", []core.Option{slow, stops}, daemontest.Instantly(), []float64{2.5}, 0, 6.001},
		{"the second one after Stop", []core.Option{slow, stops}, daemontest.Instantly(), []float64{2.5, 3.5}, 1, 3.5},
		{"the first one after a fatal error", []core.Option{slow}, daemontest.Instantly().FailsAt(3, errBoom), []float64{2.5}, 1, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			var steps daemontest.Steps
			for _, s := range c.signals {
				steps = append(steps, at(s, term))
			}
			play(t, equipped(c.options...), daemontest.Scenario{
				Execute: c.execute, Steps: steps,
				Want: daemontest.Want{daemontest.Exit(c.code), endsAt(c.end)},
			})
		})
	}
}

// A Teardown that ends its goroutine does not keep the others from running.
func TestGoexitInATeardownKeepsNoOtherFromRunning(t *testing.T) {
	play(t, equipped(
		core.Setup(does("Setup 1")), core.Teardown(does("Teardown 1")),
		core.Teardown(func(context.Context, *core.Daemon) error { runtime.Goexit(); return nil }),
		core.Teardown(does("Teardown 3")),
	), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), done("Setup 1", "Teardown 3", "Teardown 1"), daemontest.Logs("teardown: runtime.Goexit"), daemontest.LockReleased(),
		},
	})
}

// An alert of a restart's teardown is sent, also where a stop that comes at the
// very end of it makes an end of the restart.
func TestAnAlertOfATeardownIsSentThoughAStopComes(t *testing.T) {
	for _, off := range []float64{-0.001, 0, 0.001} {
		play(t, equipped(core.Teardown(func(_ context.Context, d *core.Daemon) error {
			time.Sleep(time.Second)
			d.Alertf("torn down")
			return nil
		})), daemontest.Scenario{
			Args:    "-d",
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{at(0, daemontest.MailTakes(time.Second)), at(2.5, hup), at(3.52+off, term).AnyOrder()},
			Orders:  20,
			Want: daemontest.Want{daemontest.Exit(0), daemontest.Check("the mail", func(r *daemontest.Result) error {
				for _, m := range r.World().Mails() {
					if strings.Contains(m.Body, "torn down") {
						return nil
					}
				}
				return errors.New("it was not sent")
			})},
		})
	}
}

// A standby that is winning the lock when its restart begins hands it over.
func TestALockWonDuringARestartIsHandedOver(t *testing.T) {
	for _, asked := range []float64{4.8, 5, 5.2, 5.4, 5.6, 5.8} {
		play(t, leased(core.Standby()), daemontest.Scenario{
			Args:    "-d",
			Held:    []string{leaseURL},
			Execute: daemontest.Instantly(),
			Steps: daemontest.Steps{
				at(0, daemontest.LockTakes(700*time.Millisecond)), at(5, daemontest.FreeLock(leaseURL)), at(asked, hup), stopAt(20.5),
			},
			Want: daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), startsBetween(5, 8), daemontest.LockReleased()},
		})
	}
}

// A restart that is asked for during the next program's checks follows.
func TestARestartAskedForDuringTheChecksFollows(t *testing.T) {
	play(t, equipped(core.CheckEnvironment(func(context.Context, *core.Daemon) error { time.Sleep(time.Second); return nil })), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, hup), at(6.5, hup), stopAt(20.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(2), daemontest.LockReleased()},
	})
}

// The time-out of an iteration counts while a restart waits for it.
func TestTheTimeoutCountsWhileARestartWaits(t *testing.T) {
	play(t, equipped(core.Every(20*time.Second), core.IterationTimeout(5*time.Second), core.ShutdownTimeout(time.Hour)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().HangsAt(2),
		Steps:   daemontest.Steps{at(21, hup), stopAt(70.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), daemontest.Logs("Forced: time-out of 5s reached"), startsBetween(39, 41)},
	})
}

// A restart that is asked for during the back-off cuts it short.
func TestARestartThatIsAskedForCutsTheBackOffShort(t *testing.T) {
	play(t, equipped(core.RestartBackoff(time.Minute, time.Minute)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Steps:   daemontest.Steps{at(20, hup), stopAt(30.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), startsBetween(20, 21)},
	})
}

// A restart that is asked for of a daemon that stops is refused, and that is
// said.
func TestARestartOfADaemonThatStopsIsRefused(t *testing.T) {
	slow := core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(5 * time.Second); return nil })
	for name, execute := range map[string]daemontest.Script{
		"draining": daemontest.Instantly().Except(11, 4*time.Second), "tearing down": daemontest.Instantly(),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(slow), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: execute,
				Steps:   daemontest.Steps{at(10.5, term), at(12, daemontest.Command("-s restart -p poller.pid"))},
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.ExitOf("-s restart -p poller.pid", 1), daemontest.Stderr("the daemon is shutting down"),
				},
			})
		})
	}
}

// A trial may be running when the lock is lost and the exec that follows fails.
// Its outcome finds the daemon checking, setting up or tearing down: it is
// noted, and a restart that it allows follows.
func TestATrialMayReturnInAnyState(t *testing.T) {
	wait := func(d time.Duration) core.Func {
		return func(context.Context, *core.Daemon) error { time.Sleep(d); return nil }
	}
	lock := core.WithLock(daemontest.Leased(leaseURL, 40*time.Second)) // renewed each 8 s
	for _, c := range []struct {
		name     string
		setup    time.Duration
		teardown time.Duration
		lock     time.Duration // to win it again
		refused  bool
	}{
		{"checking, passed", 0, 100 * time.Millisecond, 4 * time.Second, false},
		{"checking, refused", 0, 100 * time.Millisecond, 16 * time.Second, true},
		{"setting up, passed", 3500 * time.Millisecond, 100 * time.Millisecond, 0, false},
		{"setting up, refused", 15500 * time.Millisecond, 100 * time.Millisecond, 0, true},
		{"tearing down, passed", 0, 4 * time.Second, 0, false},
		{"tearing down, refused", 0, 16 * time.Second, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const begin = 26.5 // of the restart; the lease, taken at 3 s, is renewed 0.5 s later
			steps := daemontest.Steps{
				at(begin, hup), at(begin+0.3, daemontest.LoseBinary()), at(begin+0.3, daemontest.FreeLock(leaseURL)),
				at(begin+0.55, daemontest.LockTakes(c.lock)), at(begin+5, daemontest.LockTakes(0)),
				at(begin+24, daemontest.BreakBinary(nil)), stopAt(80.5),
			}
			if c.refused {
				steps = append(daemontest.Steps{at(begin-0.1, daemontest.HangBinary())}, steps...)
			}
			play(t, equipped(lock, core.ShutdownTimeout(30*time.Second), core.CheckEnvironment(wait(3*time.Second)), core.Setup(wait(c.setup)), core.Teardown(wait(c.teardown))), daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly(),
				Steps:   steps,
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.Logs("Lock Lost"), startsBetween(60, 80), daemontest.LockReleased(),
				},
			})
		})
	}
}

// A lease that was lost in an outage, and could not be given back, is this
// process's own: its end is waited for.
func TestAFormerLeaseOfOnesOwnIsWaitedFor(t *testing.T) {
	play(t, leased(), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(11, halt), at(12, daemontest.LockOutage(errors.New("down"))), at(12.2, cont),
			at(14, daemontest.LockOutage(nil)), stopAt(40.5),
		},
		Want: daemontest.Want{daemontest.Exit(0), endsAt(40.5), daemontest.Logs("Lock Lost"), startsBetween(15, 20), daemontest.LockReleased()},
	})
}

// What a program was handed, and has not come to use when it restarts again, is
// handed on, and is not forgotten when exec fails.
func TestAnUnusedInheritanceIsHandedOn(t *testing.T) {
	for name, declare := range map[string]func(...core.Option) daemontest.NewFunc{"file": equipped, "leased": leased} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, exec fails: %t", name, lost), func(t *testing.T) {
				steps := daemontest.Steps{at(5, hup), at(5.001, daemontest.LockOutage(errors.New("down")))}
				if lost {
					steps = append(steps, at(5.8, daemontest.LoseBinary()))
				}
				steps = append(steps, at(6.1, hup), at(6.6, daemontest.LockOutage(nil)), stopAt(60.5))
				play(t, declare(), daemontest.Scenario{
					Args: "-d -p poller.pid", Execute: daemontest.Instantly(), Steps: steps,
					Want: daemontest.Want{
						daemontest.Exit(0), startsBetween(7, 60), endsAt(60.5), daemontest.LockReleased(), daemontest.NoFile("poller.pid"),
					},
				})
			})
		}
	}
}

// A restart that is asked for while the daemon tears down to set up again
// follows when it is ready.
func TestARestartAskedForWhileSettingUpAgainFollows(t *testing.T) {
	play(t, equipped(core.IterationTimeout(3*time.Second),
		core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(3 * time.Second); return nil })), daemontest.Scenario{
		Args: "-d",
		Execute: daemontest.Instantly().DoesAt(15, func(ctx context.Context, _ *core.Daemon) error {
			<-ctx.Done()
			return nil
		}),
		Steps: daemontest.Steps{
			at(1, daemontest.BreakBinary(errors.New("no such file"))), at(18, daemontest.BreakBinary(nil)), at(18.5, hup), stopAt(60.5),
		},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), daemontest.LockReleased()},
	})
}

// Two Setups never run at once: one that was abandoned bars the way back.
func TestNoSetupStartsBesideAnAbandonedOne(t *testing.T) {
	play(t, leased(core.Setup(func(_ context.Context, d *core.Daemon) error {
		d.Logf("Setup begins")
		time.Sleep(12 * time.Second)
		return nil
	})), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0.5, daemontest.LoseBinary()), at(2, daemontest.FreeLock(leaseURL))},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.LogsTimes("Setup begins", 1), daemontest.Iterations(0),
			daemontest.Logs("Setup ignores the loss of the lock"), daemontest.Logs("Shutting Down: the binary"), daemontest.LockReleased(),
		},
	})
}

// At interval 0, too, no iteration starts when the lease may be another's.
func TestIntervalZeroStopsAtTheEndOfTheLease(t *testing.T) {
	for _, takes := range []time.Duration{10 * time.Millisecond, 500 * time.Millisecond} {
		play(t, leased(core.Every(0), core.Standby(), core.Unwatched()), daemontest.Scenario{
			Args: "-d", Execute: daemontest.Takes(takes),
			Steps: daemontest.Steps{
				at(5, halt), at(8.5, daemontest.StealLock(leaseURL)), at(20, cont).AnyOrder(), at(30, daemontest.FreeLock(leaseURL)), at(40, kill),
			},
			Orders: 5,
			Want:   daemontest.Want{noStartBetween(6, 29.99), startsBetween(30, 31), daemontest.Killed()},
		})
	}
}
