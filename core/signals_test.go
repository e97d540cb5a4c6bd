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

// SIGTERM and SIGINT end a sleeping daemon at once.
func TestASleepingDaemonEndsAtOnce(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		play(t, equipped(core.Every(time.Minute)), daemontest.Scenario{
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{at(20, daemontest.Signal(sig))},
			Want: daemontest.Want{
				endsAt(20), daemontest.Exit(0), daemontest.LockReleased(), daemontest.Logs("Shutting Down: SIG"), daemontest.LastLog("Exit status: 0"),
			},
		})
	}
}

// The first SIGTERM lets the iteration finish: its context is not cancelled.
func TestTheFirstSIGTERMLetsTheIterationFinish(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Takes(6 * time.Second),
		Steps:   daemontest.Steps{stopAt(1)},
		Want: daemontest.Want{
			endsAt(6), daemontest.Exit(0), daemontest.Iterations(1), daemontest.Failures(0),
			daemontest.Logs("Shutting Down: SIGTERM. Waiting up to 10s for Execute #1 to finish"),
		},
	})
}

// A second signal, or the shutdown time-out, forces the end: the stacks are
// logged, the context is cancelled. A third signal waits for nothing.
func TestAStopCanBeForced(t *testing.T) {
	obedient, hangs := daemontest.Takes(time.Minute), daemontest.Takes(0).HangsAt(1)
	for _, c := range []struct {
		name    string
		execute daemontest.Script
		steps   []float64
		ends    float64
		says    string
	}{
		{"second signal, obeyed", obedient, []float64{1, 4}, 4, "Forced: SIGTERM once more"},
		{"second signal, not obeyed", hangs, []float64{1, 4}, 5, "what was running does not return: leaving without teardown"},
		{"third signal", hangs, []float64{1, 4, 4.5}, 4.5, "Forced: SIGTERM once more: leaving at once"},
		{"limit, obeyed", obedient, []float64{1}, 11, "Forced: not finished within 10s"},
		{"limit, not obeyed", hangs, []float64{1}, 12, "what was running does not return: leaving without teardown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var steps daemontest.Steps
			for _, s := range c.steps {
				steps = append(steps, stopAt(s))
			}
			play(t, equipped(), daemontest.Scenario{
				Args: "-p poller.pid", Execute: c.execute, Steps: steps,
				Want: daemontest.Want{
					endsAt(c.ends), daemontest.Exit(1), daemontest.Logs(c.says), daemontest.FileContains(logPath, "] 100 goroutine "),
					daemontest.LastLog("Exit status: 1"), daemontest.LockReleased(), daemontest.NoFile(pidPath),
				},
			})
		})
	}
}

// The shutdown limit is an option.
func TestTheShutdownLimitIsAnOption(t *testing.T) {
	play(t, equipped(core.ShutdownTimeout(30*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(25 * time.Second),
		Steps:   daemontest.Steps{stopAt(1)},
		Want:    daemontest.Want{endsAt(25), daemontest.Exit(0)},
	})
}

// A second signal during teardown waits for nothing.
func TestASecondSignalDuringTeardownLeavesAtOnce(t *testing.T) {
	play(t, equipped(core.Teardown(daemontest.Hangs)), daemontest.Scenario{
		Args:    "-p poller.pid",
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1.5), stopAt(2.5)},
		Want:    daemontest.Want{endsAt(2.5), daemontest.Exit(1), daemontest.LastLog("Exit status: 1"), daemontest.LockReleased(), daemontest.NoFile(pidPath)},
	})
}

// After a forced stop teardown still runs when the iteration has obeyed it.
func TestAForcedStopStillTearsDown(t *testing.T) {
	play(t, equipped(core.Teardown(does("teardown"))), daemontest.Scenario{
		Execute: daemontest.Takes(time.Minute),
		Steps:   daemontest.Steps{stopAt(1), stopAt(2)},
		Want:    daemontest.Want{endsAt(2), daemontest.Exit(1), done("teardown")},
	})
}

// The context of Execute is cancelled on a forced stop, and its cause says
// why.
func TestTheContextTellsWhyItWasCancelled(t *testing.T) {
	play(t, equipped(core.Execute(cancelledAt)), daemontest.Scenario{
		Steps: daemontest.Steps{at(1, usr1), at(1.1, cont), stopAt(2), stopAt(3)},
		Want:  daemontest.Want{daemontest.Logs("cancelled: forced: SIGTERM once more"), endsAt(3), daemontest.Exit(1)},
	})
}

// A hung iteration holds up neither a dump nor a forced stop.
func TestAHungIterationStillAnswersADump(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly().HangsAt(1),
		Steps:   daemontest.Steps{at(5, usr1), stopAt(6), at(7, usr1)},
		Want: daemontest.Want{
			daemontest.LogsTimes("Dump of poller", 2), daemontest.Logs("State:             executing"),
			daemontest.LogsTimes("Idle:              0.0 %", 2), daemontest.NoLog("Execute #0"),
			daemontest.Logs("State:             draining"), daemontest.Exit(1), endsAt(17),
		},
	})
}

// The dump holds what DESIGN lists.
func TestTheDumpTellsAllThereIs(t *testing.T) {
	play(t, equipped(core.Version("1.4"), core.WithPlugins(&recorder{name: "db"})), daemontest.Scenario{
		Args:    "-v",
		Execute: daemontest.Takes(250*time.Millisecond).Except(2, 1300*time.Millisecond),
		Steps:   daemontest.Steps{at(3.5, hup), at(9.5, usr1), stopAt(9.6)},
		Want: daemontest.Want{
			daemontest.Exit(0),
			daemontest.Logs("Dump of poller, PID 100 on testhost\n"),
			daemontest.Logs("State:             sleeping\n"), daemontest.Logs("Interval:          1s\n"),
			daemontest.Logs("Started:           2026-01-01 00:00:00\n"), daemontest.Logs("Uptime:            9.5s\n"),
			daemontest.Logs("Iterations:        10\n"), daemontest.Logs("Overruns:          1\n"), daemontest.Logs("Missed ticks:      1\n"),
			daemontest.Logs("Failures:          0\n"), daemontest.Logs("Duration:          mean 250ms, p99 "),
			daemontest.Logs("Idle:              7"), daemontest.Logs("Restarts:          1, the last one: SIGHUP\n"),
			daemontest.Logs("Log file:          " + logPath + "\n"), daemontest.Logs("Modes:             foreground, verbose\n"),
			daemontest.Logs("Alerts:            ops@example.com through "), daemontest.Logs("Plugins:           db\n"),
			daemontest.Logs("Lock:              file:/run/poller.lock, held by this process, token 17672256"),
			daemontest.Logs("Memory:            resident 8192 KB now"), daemontest.Logs("Goroutines:        8\n"),
			daemontest.Logs("User:              tester\n"), daemontest.Logs("Version:           1.4 (Evertick, go)"),
		},
	})
}

// A user's signal runs its function beside the loop, also while Execute runs;
// its failure is logged and stops nothing.
func TestAUsersSignalRunsBesideTheLoop(t *testing.T) {
	play(t, equipped(
		core.OnSignal(syscall.SIGUSR2, func(_ context.Context, d *core.Daemon) error {
			d.Logf("USR2 at iteration %d", d.Iteration())
			return nil
		}),
		core.OnSignal(syscall.SIGWINCH, func(context.Context, *core.Daemon) error { panic("argh") }),
		core.OnSignal(syscall.SIGTTIN, func(context.Context, *core.Daemon) error { return errors.New("boom") }),
	), daemontest.Scenario{
		Execute: daemontest.Takes(600 * time.Millisecond),
		Steps: daemontest.Steps{
			at(1.3, daemontest.Signal(syscall.SIGUSR2)), at(2.8, daemontest.Signal(syscall.SIGWINCH)),
			at(3.3, daemontest.Signal(syscall.SIGTTIN)), stopAt(4.8),
		},
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3, 4), daemontest.Logs("USR2 at iteration 2"), daemontest.Logs("panic: argh"),
			daemontest.LogsTimes(": boom", 1), daemontest.Exit(0),
		},
	})
}

// A handler of signals that hangs holds up neither the loop nor the end, and
// takes no memory without bound.
func TestAHungSignalHandlerHoldsUpNothing(t *testing.T) {
	steps := daemontest.Steps{stopAt(3.5)}
	for i := range 70 {
		steps = append(steps, at(1.5+float64(i)/1000, daemontest.Signal(syscall.SIGUSR2)))
	}
	play(t, equipped(core.OnSignal(syscall.SIGUSR2, daemontest.Hangs)), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   steps,
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3), daemontest.LogsTimes("64 handlers wait already: what comes now is dropped", 1), daemontest.Exit(1), endsAt(13.5),
		},
	})
}

// The mean and the 99th percentile of the durations, and the busy share, are
// those of the iterations.
func TestStatsTellTheDurations(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			time.Sleep(100 * time.Millisecond)
			if d.Iteration() == 101 {
				s := d.Stats()
				d.Logf("mean %s, p99 %s, busy %.2f", s.Mean.Round(time.Millisecond), s.P99.Round(10*time.Millisecond), s.Busy)
			}
			return nil
		}),
		Steps: daemontest.Steps{stopAt(100.5)},
		Want:  daemontest.Want{daemontest.Logs(fmt.Sprintf("mean %s, p99 %s, busy 0.10", 100*time.Millisecond, 100*time.Millisecond)), daemontest.Exit(0)},
	})
}
