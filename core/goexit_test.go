package core_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// Scenarios for runtime.Goexit, which ends the goroutine that it is called in,
// in functions of the user's: it is logged, and stops nothing else.

func goexits(context.Context, *core.Daemon, core.HookInfo) { runtime.Goexit() }

// A handler that ends its goroutine does not keep teardown from running.
func TestGoexitBeforeTeardownLeavesNothingOut(t *testing.T) {
	for _, c := range []struct {
		hook core.Hook
		step daemontest.Step
		want daemontest.Expectation
	}{
		{core.HookRestart, at(2.5, hup), done("Setup", "Teardown", "Setup", "Teardown")},
		{core.HookShutdown, at(6.5, term), done("Setup", "Teardown")},
	} {
		t.Run(c.hook.String(), func(t *testing.T) {
			play(t, equipped(
				core.Setup(does("Setup")), core.Teardown(does("Teardown")), core.On(c.hook, goexits),
				core.On(c.hook, func(_ context.Context, d *core.Daemon, _ core.HookInfo) { d.Alertf("another handler") }),
			), daemontest.Scenario{
				Args:    "-d",
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{c.step, stopAt(6.6).Maybe()},
				Want: daemontest.Want{
					daemontest.Exit(0), c.want, daemontest.LogsTimes("handler of "+c.hook.String()+": runtime.Goexit", 1),
					daemontest.Logs("another handler"), daemontest.Mails(1), daemontest.LockReleased(),
				},
			})
		})
	}
}

// A hook after Execute that ends its goroutine leaves the iteration's outcome as
// it is, counted once, however often it comes.
func TestGoexitAfterExecuteChangesNoOutcome(t *testing.T) {
	for _, hook := range []core.Hook{core.HookPostExecute, core.HookIdle} {
		t.Run(hook.String(), func(t *testing.T) {
			play(t, equipped(core.On(hook, goexits), core.MaxConsecutiveFailures(3)), daemontest.Scenario{
				Execute: daemontest.Instantly().FailsAt(3, errBoom).FailsAt(4, errBoom),
				Steps:   daemontest.Steps{stopAt(9.5)},
				Want: daemontest.Want{
					daemontest.Exit(0), startsAt(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), daemontest.Failures(2), daemontest.Mails(2),
					daemontest.Logs("failure 2 in a row"), daemontest.LogsTimes("runtime.Goexit", 10), daemontest.LockReleased(),
				},
			})
		})
	}
}

// So do an Execute that ends its goroutine and a hook after it that does so, too.
func TestGoexitInExecuteAndInAHookAfterIt(t *testing.T) {
	play(t, equipped(core.On(core.HookError, goexits), core.On(core.HookPostExecute, goexits), core.MaxConsecutiveFailures(100)), daemontest.Scenario{
		Execute: daemontest.Does(func(context.Context, *core.Daemon) error { runtime.Goexit(); return nil }),
		Steps:   daemontest.Steps{stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), startsAt(0, 1, 2, 3, 4), daemontest.Failures(5), daemontest.Mails(2),
			daemontest.LogsTimes("handler of error: runtime.Goexit", 5), daemontest.LogsTimes("handler of post-execute: runtime.Goexit", 5),
		},
	})
}

// At interval 0, too, a success that comes before a Goexit ends a row of failures.
func TestASuccessBeforeGoexitEndsARowOfFailures(t *testing.T) {
	play(t, equipped(core.Every(0), core.MaxConsecutiveFailures(2)), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			time.Sleep(time.Second)
			if d.Iteration()%2 == 0 {
				runtime.Goexit()
			}
			return nil
		}),
		Steps: daemontest.Steps{stopAt(20.5)},
		Want:  daemontest.Want{daemontest.Exit(0), daemontest.Failures(10), daemontest.NoLog("Shutting Down: fatal")},
	})
}
