package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// SIGHUP restarts in place: same PID, same lock, and grid and counters go on.
func TestARestartKeepsPIDGridAndCounters(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(100*time.Millisecond).Except(2, 1500*time.Millisecond),
		Steps:   daemontest.Steps{at(4.3, hup), at(6.5, usr1), stopAt(7.5)},
		Want: daemontest.Want{
			startsAt(0, 1, 2.5, 3, 4, 5, 6, 7), daemontest.Restarts(1), daemontest.MissedTicks(1), daemontest.Exit(0), daemontest.LockReleased(),
			daemontest.FileContains(logPath, "] 100 Restarting: SIGHUP\n"),
			daemontest.FileContains(logPath, "] 100 Application Startup. PID: 100 Interval: 1s Lock: file:/run/poller.lock Restart: 1 (SIGHUP)\n"),
			daemontest.FileContains(logPath, "Iterations:        7\n"),
			daemontest.FileContains(logPath, "Overruns:          1\n"),
			daemontest.FileContains(logPath, "Missed ticks:      1\n"),
			daemontest.FileContains(logPath, "Uptime:            6.5s\n"),
			daemontest.FileContains(logPath, "Restarts:          1, the last one: SIGHUP\n"),
			daemontest.LastLog("Uptime: 7.5s Iterations: 8 Exit status: 0"),
		},
	})
}

// At an interval of 100 ms a restart costs no tick, at whatever moment it
// comes.
func TestARestartMissesNoTick(t *testing.T) {
	var grid []time.Duration
	for n := range 20 {
		grid = append(grid, time.Duration(n)*100*time.Millisecond)
	}
	for moment := 1000; moment < 1100; moment += 5 {
		play(t, equipped(core.Every(100*time.Millisecond)), daemontest.Scenario{
			Args:    "-d -p poller.pid",
			Execute: daemontest.Takes(30 * time.Millisecond),
			Steps:   daemontest.Steps{daemontest.At(time.Duration(moment)*time.Millisecond, hup), stopAt(1.95)},
			Want: daemontest.Want{
				daemontest.IterationsAt(grid...), daemontest.Restarts(1), daemontest.MissedTicks(0), daemontest.Exit(0), daemontest.LockReleased(),
			},
		})
	}
}

// The lock is never free and the PID file always there while a daemon
// restarts.
func TestLockAndPIDFileStandThroughoutARestart(t *testing.T) {
	steps := daemontest.Steps{at(1.5, hup), stopAt(2.5)}
	for i := range 100 {
		steps = append(steps, daemontest.At(1495*time.Millisecond+time.Duration(i)*500*time.Microsecond, daemontest.Do("look", func(w *daemontest.World) {
			_, held := w.Holder(lockURL)
			if _, pid := w.File(pidPath); !pid || !held {
				w.Fail("at %s: lock held %t, PID file %t", w.Now(), held, pid)
			}
		})))
	}
	pause := func(ctx context.Context, d *core.Daemon) error {
		return clockwork.Sleep(ctx, d.Clock(), 7*time.Millisecond)
	}
	play(t, equipped(core.Setup(pause), core.Teardown(pause)), daemontest.Scenario{
		Args: "-p poller.pid", Execute: daemontest.Instantly(), Steps: steps,
		Want: daemontest.Want{daemontest.Restarts(1), daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoLog("Error")},
	})
}

// A binary that would not start is refused: logged, mailed, and the old one
// goes on as if nothing had been.
func TestABadBinaryIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		break_ daemontest.Action
		says   string
	}{
		{"says no", daemontest.BreakBinary(errors.New("no such file or directory")), "would not start. The running one goes on.\nno such file or directory"},
		{"hangs", daemontest.HangBinary(), "it hung"},
		{"vanishes between trial and exec", daemontest.LoseBinary(), "could not be executed. The running one goes on."},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: daemontest.Takes(300 * time.Millisecond),
				Steps:   daemontest.Steps{at(1.5, c.break_), at(1.5, hup), stopAt(18.5)},
				Want: daemontest.Want{
					daemontest.Iterations(19), daemontest.Restarts(0), daemontest.LogsTimes("Restart Refused: the binary /usr/sbin/daemon", 1),
					daemontest.Logs(c.says), daemontest.Mails(1), daemontest.MailContains("Restart Refused"),
					daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// What was tried is what is executed. A binary that takes the place of the tried one
// while an iteration or a teardown is waited for is tried, too.
func TestABinaryThatIsReplacedIsTriedAgain(t *testing.T) {
	typo := errors.New("typo")
	slow := core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(time.Second); return nil })
	for _, c := range []struct {
		name     string
		options  []core.Option
		at       float64
		other    error
		restarts int
		setups   int
		says     string
	}{
		{"by a bad one during the iteration", nil, 2.5, typo, 0, 1, "would not start. The running one goes on.\ntypo"},
		{"by a good one during the iteration", nil, 2.5, nil, 1, 2, "Restart: 1 (SIGHUP)"},
		{"by a bad one during the teardown", []core.Option{slow}, 4.5, typo, 0, 2, "would not start. The running one goes on.\ntypo"},
		{"by a good one during the teardown", []core.Option{slow}, 4.5, nil, 1, 3, "Restart: 1 (SIGHUP)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			setups := core.Setup(func(_ context.Context, d *core.Daemon) error { d.Logf("connected"); return nil })
			play(t, equipped(append(c.options, setups)...), daemontest.Scenario{
				Args:       "-d -p poller.pid",
				Execute:    daemontest.Instantly().Except(2, 3*time.Second),
				Supervised: true,
				Steps:      daemontest.Steps{at(1.5, hup), at(c.at, daemontest.BreakBinary(c.other)), stopAt(9.5)},
				Want: daemontest.Want{
					daemontest.LogsTimes("Restart Put Off: the binary /usr/sbin/daemon has changed since it was tried", 1), daemontest.Logs(c.says), daemontest.LogsTimes("connected", c.setups),
					daemontest.Restarts(c.restarts), daemontest.Exit(0), startsBetween(7, 9), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// Where what was abandoned bars the way back, a binary that is replaced during the
// teardown is executed untried: the other choice is the end.
func TestAReplacedBinaryIsExecutedBesideAnAbandonedIteration(t *testing.T) {
	slow := core.Teardown(func(context.Context, *core.Daemon) error { time.Sleep(time.Second); return nil })
	play(t, equipped(core.IterationTimeout(3*time.Second), slow), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly().HangsAt(15),
		Steps:   daemontest.Steps{at(18.5, daemontest.BreakBinary(nil)), stopAt(40.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Restarts(1), startsBetween(19, 21), daemontest.LockReleased()},
	})
}

// A binary that hangs is given 15 s.
func TestAHungTrialIsGivenFifteenSeconds(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(1.5, daemontest.HangBinary()), at(1.5, hup), at(16.4, daemontest.Do("look", refusals(0))),
			at(16.6, daemontest.Do("look", refusals(1))), stopAt(18.5),
		},
		Want: daemontest.Want{daemontest.Exit(0)},
	})
}

// refusals lets a scenario fail unless so many restarts were refused by now.
func refusals(n int) func(*daemontest.World) {
	return func(w *daemontest.World) {
		if got := len(w.Mails()); got != n {
			w.Fail("at %s: want %d mails, got %d", w.Now(), n, got)
		}
	}
}

// A restart that fails for want of the binary tears down and sets up again
// what goes on, and tells the supervisor so.
func TestAFailedExecSetsUpAgain(t *testing.T) {
	play(t, equipped(core.Setup(does("setup")), core.Teardown(does("teardown"))), daemontest.Scenario{
		Execute:    daemontest.Instantly(),
		Supervised: true,
		Steps:      daemontest.Steps{at(1.5, daemontest.LoseBinary()), at(1.5, hup), stopAt(3.5)},
		Want: daemontest.Want{
			done("setup", "teardown", "setup", "teardown"), startsAt(0, 1, 2, 3),
			daemontest.Notifies("READY=1", "RELOADING=1", "READY=1", "STOPPING=1"), daemontest.Exit(0),
		},
	})
}

// The trial of the next binary runs its environment checks and touches
// nothing.
func TestATrialChecksAndTouchesNothing(t *testing.T) {
	broken := func(_ context.Context, d *core.Daemon) error {
		if d.Clock().Wall().Second() > 0 {
			return errors.New("the config has a typo now")
		}
		return nil
	}
	play(t, equipped(core.CheckEnvironment(broken), core.Setup(does("setup"))), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, hup), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Restarts(0), daemontest.Logs("Restart Refused"), daemontest.Logs("the config has a typo now"), done("setup"),
			startsAt(0, 1, 2, 3), daemontest.Exit(0),
		},
	})
}

// A next program whose environment turns out to be bad after all ends with
// status 1, and what was handed over to it is given back.
func TestANextImageThatCannotStartLeavesNothingBehind(t *testing.T) {
	fails := func(_ context.Context, d *core.Daemon) error {
		if d.Restarts() > 0 {
			return errors.New("no database any more")
		}
		return nil
	}
	for name, option := range map[string]core.Option{"check": core.CheckEnvironment(fails), "setup": core.Setup(fails)} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(option), daemontest.Scenario{
				Args:    "-d -p poller.pid",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{at(1.5, hup)},
				Want: daemontest.Want{
					daemontest.Restarts(1), daemontest.Exit(1), daemontest.LastLog("Exit status: 1"), daemontest.Iterations(2),
					daemontest.FileContains(logPath, "no database any more"), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// A restart that is refused while an iteration runs does it no harm.
func TestARefusalLeavesTheIterationAlone(t *testing.T) {
	play(t, equipped(core.Every(10*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(3 * time.Second),
		Steps:   daemontest.Steps{at(1, daemontest.BreakBinary(errBoom)), at(1, hup), stopAt(15)},
		Want:    daemontest.Want{startsAt(0, 10), daemontest.Failures(0), daemontest.Restarts(0), daemontest.Mails(1), daemontest.Exit(0)},
	})
}

// A failed exec after a teardown that hangs still goes on.
func TestAFailedExecAfterAHungTeardownGoesOn(t *testing.T) {
	play(t, equipped(core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		if d.Iteration() > 2 {
			return nil
		}
		return daemontest.Hangs(ctx, d)
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, daemontest.LoseBinary()), at(1.5, hup), stopAt(14.5)},
		Want: daemontest.Want{
			startsAt(0, 1, 12.52, 13, 14), daemontest.Restarts(0), daemontest.MissedTicks(11), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// A SIGHUP during an iteration waits for its end.
func TestSIGHUPWaitsForTheIteration(t *testing.T) {
	play(t, equipped(core.Every(5*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(3 * time.Second),
		Steps:   daemontest.Steps{at(0.5, hup), at(2, usr1), stopAt(9)},
		Want: daemontest.Want{
			startsAt(0, 5), daemontest.Restarts(1), daemontest.Failures(0), daemontest.Exit(0),
			daemontest.Logs("Restarting: SIGHUP, as soon as Execute #1 has finished"),
		},
	})
}

// An iteration that hangs is left behind by a restart when the shutdown time-out
// is over.
func TestSIGHUPLeavesAHungIterationBehind(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly().HangsAt(3),
		Steps:   daemontest.Steps{at(4, hup), stopAt(17.5)},
		Want: daemontest.Want{
			startsAt(0, 1, 2, 15.02, 16, 17), daemontest.Restarts(1), daemontest.MissedTicks(13), daemontest.Exit(0),
			daemontest.Logs("Forced: not finished within 10s"), daemontest.Logs("Error: Execute #3 does not return: it is left behind"),
		},
	})
}

// A SIGHUP during setup is not lost: the restart comes when setup is done.
func TestSIGHUPDuringSetupIsNotLost(t *testing.T) {
	play(t, equipped(core.Setup(func(ctx context.Context, d *core.Daemon) error {
		return clockwork.Sleep(ctx, d.Clock(), time.Second)
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0.5, hup), stopAt(5.5)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.Logs("Restart: 1 (SIGHUP)"), daemontest.Exit(0)},
	})
}

// A thousand SIGHUPs and SIGUSR1s as fast as they can be sent do no harm:
// those of one kind that wait are one.
func TestAStormOfSignalsMerges(t *testing.T) {
	storm := daemontest.Do("a storm of signals", func(w *daemontest.World) {
		for range 1000 {
			w.Do(hup)
			w.Do(usr1)
		}
	})
	play(t, equipped(), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps:   daemontest.Steps{at(1.1, storm), at(2.6, storm), stopAt(4.5)},
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3, 4), daemontest.Restarts(2), daemontest.MissedTicks(0), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// A SIGTERM at any moment of a restart ends the daemon: gracefully, at once,
// with nothing left behind and without another iteration. While exec is under
// way nobody listens: there the signal has its default effect on a process that
// has torn down already, and leaves a stale PID file at the most.
func TestASIGTERMAtAnyMomentOfARestartEndsIt(t *testing.T) {
	pause := func(ctx context.Context, d *core.Daemon) error {
		return clockwork.Sleep(ctx, d.Clock(), 4*time.Millisecond)
	}
	for _, c := range []struct {
		name    string
		restart float64 // when SIGHUP comes
		takes   time.Duration
	}{
		{"asleep", 1.5, 10 * time.Millisecond},
		{"executing", 1.001, 30 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			for ms := -3; ms <= 45; ms++ {
				end := c.restart + float64(ms)/1000
				play(t, equipped(core.Setup(pause), core.Teardown(pause)), daemontest.Scenario{
					Args:    "-d -p poller.pid",
					Execute: daemontest.Takes(c.takes),
					Steps:   daemontest.Steps{at(c.restart, hup), stopAt(end)},
					Want: daemontest.Want{
						daemontest.AnyOf(
							daemontest.Want{daemontest.Exit(0), daemontest.NoFile(pidPath), daemontest.LastLog("Exit status: 0")},
							daemontest.Want{daemontest.Killed(), daemontest.LastLog("Restarting: SIGHUP")},
						),
						daemontest.LockReleased(),
						daemontest.Check("no iteration after SIGTERM, and an end soon", func(r *daemontest.Result) error {
							starts, limit := r.Starts(), seconds(end)[0]
							if last := starts[len(starts)-1]; last > limit {
								return fmt.Errorf("there is one at %s", last)
							}
							if took := r.Ended() - limit; took > 60*time.Millisecond {
								return fmt.Errorf("the end came after %s", took)
							}
							return nil
						}),
					},
				})
			}
		})
	}
}

// A SIGTERM during the trial of a binary that hangs does not wait for it.
func TestASIGTERMDoesNotWaitForAHungTrial(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, daemontest.HangBinary()), at(1.5, hup), stopAt(2.5)},
		Want:    daemontest.Want{endsAt(2.5), daemontest.Exit(0)},
	})
}

// The restart interval restarts a detached or supervised daemon, never one
// that a person watches.
func TestTheRestartIntervalRestartsOnlyWithoutAWatcher(t *testing.T) {
	for _, c := range []struct {
		name       string
		args       string
		supervised bool
		options    []core.Option
		restarts   int
	}{
		{"detached", "-d", false, nil, 3},
		{"supervised", "", true, nil, 3},
		{"supervised by one that is not detected", "", false, []core.Option{core.Supervised()}, 3},
		{"under an init of a container", "--init", false, nil, 3},
		{"foreground", "", false, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(core.Every(4*time.Second), core.RestartEvery(10*time.Second), core.Configure(func(*core.Daemon) ([]core.Option, error) { return c.options, nil })), daemontest.Scenario{
				Args:       c.args,
				Supervised: c.supervised,
				Execute:    daemontest.Takes(100 * time.Millisecond),
				Steps:      daemontest.Steps{stopAt(35)},
				Want: daemontest.Want{
					startsAt(0, 4, 8, 12, 16, 20, 24, 28, 32), daemontest.Restarts(c.restarts),
					daemontest.LogsTimes("Restarting: restart interval", c.restarts), daemontest.Exit(0),
					daemontest.LogsTimes("The restart interval of 10s does not act: ", map[bool]int{true: 1}[c.restarts == 0]),
				},
			})
		})
	}
}

// A restart that was refused is tried again with the next restart interval.
func TestARefusedRestartIsTriedAgainAfterTheInterval(t *testing.T) {
	play(t, equipped(core.RestartEvery(10*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, daemontest.BreakBinary(errors.New("typo"))), at(25, daemontest.BreakBinary(nil)), stopAt(35)},
		Want: daemontest.Want{
			daemontest.LogsTimes("Restart Refused", 2), daemontest.Restarts(1), daemontest.Iterations(35), daemontest.Exit(0),
		},
	})
}

// Too much resident memory restarts the daemon once it has lasted; a peak does
// not.
func TestMemoryThatStaysAboveTheMarkRestarts(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     string
		lasts    float64
		restarts int
	}{
		{"it lasts", "-d", 20, 1},
		{"a peak", "-d", 4, 0},
		{"in the foreground", "", 20, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(core.RestartAboveMemory(64<<20)), daemontest.Scenario{
				Args:    c.args,
				Execute: daemontest.Takes(300 * time.Millisecond),
				Steps: daemontest.Steps{
					at(10.5, daemontest.Memory(100<<20)), daemontest.AfterLog("Restarting: resident memory", 0, daemontest.Memory(8<<20)).Maybe(),
					at(10.5+c.lasts, daemontest.Memory(8<<20)), stopAt(40.5),
				},
				Want: daemontest.Want{
					daemontest.Restarts(c.restarts), daemontest.LogsTimes("resident memory 100 MB above 64 MB", 2*c.restarts+c.restarts),
					daemontest.Iterations(41), daemontest.Exit(0),
				},
			})
		})
	}
}

// The supervisor is told of readiness, restarts and the end in their order.
func TestTheSupervisorIsToldInOrder(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute:    daemontest.Instantly(),
		Supervised: true,
		Steps:      daemontest.Steps{at(1.5, hup), at(2.5, daemontest.BreakBinary(errors.New("typo"))), at(2.5, hup), stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Notifies("READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"), daemontest.Exit(0),
			daemontest.Restarts(1),
		},
	})
}

// A daemon that nobody supervises notifies nobody.
func TestNobodyIsNotifiedWithoutASupervisor(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, hup), stopAt(2.5)},
		Want:    daemontest.Want{daemontest.Notifies(), daemontest.Exit(0)},
	})
}

// Daemon.Restart and Daemon.Stop do as SIGHUP and SIGTERM.
func TestADaemonMayRestartAndStopItself(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			switch d.Iteration() {
			case 2:
				d.Restart("the config has changed")
			case 5:
				d.Stop("the work is done")
			}
			return nil
		}),
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3, 4), endsAt(4), daemontest.Restarts(1), daemontest.Logs("Restart: 1 (the config has changed)"),
			daemontest.Logs("Shutting Down: the work is done"), daemontest.Exit(0),
		},
	})
}

// Only people grow impatient: a daemon that asks for its own end more than once
// forces nothing.
func TestAskingTwiceForItsOwnStopForcesNothing(t *testing.T) {
	play(t, equipped(core.On(core.HookPostExecute, func(_ context.Context, d *core.Daemon, _ core.HookInfo) { d.Stop("and again") })), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			d.Stop("enough")
			time.Sleep(time.Second)
			d.Stop("really")
			return nil
		}),
		Want: daemontest.Want{daemontest.Iterations(1), endsAt(1), daemontest.Exit(0), daemontest.NoLog("Forced")},
	})
}

// At interval 0, too, no iteration starts after one that asked for the stop.
func TestNoIterationStartsAfterAStop(t *testing.T) {
	play(t, equipped(core.Every(0)), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			if d.Iteration() >= 1000 {
				d.Stop("enough")
			}
			return nil
		}),
		Want: daemontest.Want{daemontest.Iterations(1000), daemontest.Exit(0)},
	})
}

// A pause after the end of an iteration is carried over a restart, too.
func TestARestartKeepsThePauseOfAfter(t *testing.T) {
	play(t, bare(core.FixedDelay(5*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(2 * time.Second),
		Steps:   daemontest.Steps{at(4, hup), stopAt(15)},
		Want:    daemontest.Want{startsAt(0, 7, 14), daemontest.Restarts(1), daemontest.Exit(0)},
	})
}

// A next program with another interval lays a grid of its own.
func TestANewIntervalLaysANewGrid(t *testing.T) {
	play(t, bare(core.Configure(func(d *core.Daemon) ([]core.Option, error) {
		if d.Clock().Wall().Second() > 4 {
			return []core.Option{core.Every(3 * time.Second)}, nil
		}
		return []core.Option{core.Every(2 * time.Second)}, nil
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, hup), stopAt(12)},
		Want:    daemontest.Want{startsAt(0, 2, 4, 5.02, 8.02, 11.02), daemontest.Restarts(1), daemontest.Exit(0)},
	})
}

// The restart interval starts again after an exec that failed.
func TestTheRestartIntervalOutlivesAFailedExec(t *testing.T) {
	play(t, equipped(core.RestartEvery(10*time.Second)), daemontest.Scenario{
		Args:    "-d",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(5, daemontest.LoseBinary()), at(15, daemontest.BreakBinary(nil)), stopAt(25)},
		Want: daemontest.Want{
			daemontest.LogsTimes("could not be executed", 1), daemontest.Restarts(1), daemontest.Iterations(25), daemontest.Exit(0),
		},
	})
}

// After a SIGKILL at any moment of a restart the next start just works.
func TestASIGKILLAtAnyMomentOfARestartLeavesAWayToStart(t *testing.T) {
	pause := func(ctx context.Context, d *core.Daemon) error {
		return clockwork.Sleep(ctx, d.Clock(), 4*time.Millisecond)
	}
	const next, stop = "-d -p poller.pid -v", "-s stop -p poller.pid"
	for ms := -3; ms <= 45; ms += 2 {
		play(t, equipped(core.Unwatched(), core.Setup(pause), core.Teardown(pause)), daemontest.Scenario{
			Args:    "-d -p poller.pid",
			Execute: daemontest.Takes(10 * time.Millisecond),
			Steps: daemontest.Steps{
				at(1.5, hup).Maybe(), at(1.5+float64(ms)/1000, kill), at(1.6, daemontest.Command(next)), at(3.7, daemontest.Command(stop)),
			},
			Want: daemontest.Want{
				daemontest.Killed(), startsAt(0.004, 1.004, 1.604, 2.604, 3.604), daemontest.ExitOf(next, 0), daemontest.ExitOf(stop, 0),
				daemontest.LockReleased(), daemontest.NoFile(pidPath),
			},
		})
	}
}

// A SIGTERM during the teardown of a restart makes an end of it as any other
// does: the supervisor is told, and the last mails are waited for.
func TestAStopDuringTheTeardownOfARestartIsAFullStop(t *testing.T) {
	pause := core.Teardown(func(ctx context.Context, d *core.Daemon) error { return clockwork.Sleep(ctx, d.Clock(), time.Second) })
	play(t, equipped(pause), daemontest.Scenario{
		Supervised: true,
		Execute:    alertAt(2),
		Steps:      daemontest.Steps{at(0.5, daemontest.MailTakes(3*time.Second)), at(1.5, hup), stopAt(2)},
		Want: daemontest.Want{
			daemontest.Notifies("READY=1", "RELOADING=1", "STOPPING=1"), daemontest.Mails(1), endsAt(4), daemontest.Exit(0), daemontest.Restarts(0),
		},
	})
}

// Restarts upon restarts lose neither grid nor counters.
func TestManyRestartsLoseNothing(t *testing.T) {
	var steps daemontest.Steps
	for i := range 200 {
		steps = append(steps, at(float64(i)*0.73+0.1, hup))
	}
	r := play(t, equipped(core.Jitter(100*time.Millisecond)), daemontest.Scenario{
		Args: "-d -p poller.pid", Execute: daemontest.Takes(200 * time.Millisecond),
		Steps: append(steps, stopAt(150.9)),
		Want: daemontest.Want{
			daemontest.Restarts(200), daemontest.Iterations(151), daemontest.MissedTicks(0), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
	if starts := r.Starts(); !slices.IsSorted(starts) {
		t.Errorf("iterations are out of order: %v", starts)
	}
}
