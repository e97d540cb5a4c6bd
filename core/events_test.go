package core_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

var allEvents = []core.Hook{
	core.HookInit, core.HookPreExecute, core.HookPostExecute, core.HookIdle, core.HookError, core.HookSignal, core.HookRestart, core.HookShutdown,
}

// onAll lets h handle every event.
func onAll(h core.Handler) []core.Option {
	var options []core.Option
	for _, e := range allEvents {
		options = append(options, core.On(e, h))
	}
	return options
}

// logEvent logs an event with what it tells, so that done can look at it.
func logEvent(_ context.Context, d *core.Daemon, m core.HookInfo) {
	text := fmt.Sprintf("%s %d", m.Hook, m.Iteration)
	switch m.Hook {
	case core.HookPostExecute:
		text += fmt.Sprintf(" took %s err %v", m.Took, m.Err)
	case core.HookIdle:
		text += fmt.Sprintf(" left %s", m.Left)
	case core.HookError:
		text += fmt.Sprintf(" err %v", m.Err)
	case core.HookSignal:
		text += fmt.Sprintf(" %v", m.Signal)
	case core.HookRestart, core.HookShutdown:
		text += " cause " + m.Cause
	default:
	}
	d.Logf("doing %s", text)
}

// Events come in their order, and tell what belongs to them.
func TestEventsComeInTheirOrder(t *testing.T) {
	play(t, equipped(append(onAll(logEvent), core.MaxConsecutiveFailures(2), core.Setup(does("setup")), core.Teardown(does("teardown")))...), daemontest.Scenario{
		Execute: daemontest.Takes(200*time.Millisecond).FailsAt(2, errBoom).Except(3, time.Second),
		Steps:   daemontest.Steps{at(1.5, usr1), at(3.5, hup), stopAt(4.1)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Restarts(1), done(
				"setup", "init 0",
				"pre-execute 1", "post-execute 1 took 200ms err <nil>", "idle 1 left 800ms",
				"pre-execute 2", "error 2 err boom", "post-execute 2 took 0s err boom", "idle 2 left 1s",
				"signal 2 user defined signal 1",
				"pre-execute 3", "post-execute 3 took 1s err <nil>",
				"pre-execute 4", "post-execute 4 took 200ms err <nil>", "idle 4 left 800ms",
				"signal 4 hangup", "restart 4 cause SIGHUP", "teardown",
				"setup", "init 4",
				"pre-execute 5", "signal 5 terminated", "post-execute 5 took 200ms err <nil>", "idle 5 left 800ms",
				"shutdown 5 cause SIGTERM", "teardown",
			),
		},
	})
}

// A handler that panics is logged and stops nothing else: neither the other
// handlers nor the daemon.
func TestAPanickingHandlerHarmsNobody(t *testing.T) {
	panics := func(_ context.Context, _ *core.Daemon, m core.HookInfo) { panic("argh in " + m.Hook.String()) }
	options := append(onAll(panics), onAll(func(_ context.Context, d *core.Daemon, m core.HookInfo) { d.Logf("doing %s", m.Hook) })...)
	want := daemontest.Want{
		daemontest.Exit(0), startsAt(0, 1, 2), daemontest.Restarts(1), daemontest.LockReleased(),
		done("init", "pre-execute", "error", "post-execute", "idle", "signal", "restart",
			"init", "pre-execute", "post-execute", "idle", "pre-execute", "post-execute", "idle", "signal", "shutdown"),
	}
	for _, e := range allEvents {
		want = append(want, daemontest.Logs(fmt.Sprintf("Error: handler of %s: panic: argh in %s", e, e)))
	}
	play(t, equipped(append(options, core.MaxConsecutiveFailures(2))...), daemontest.Scenario{
		Execute: daemontest.Instantly().FailsAt(1, errBoom),
		Steps:   daemontest.Steps{at(0.5, hup), stopAt(2.5)},
		Want:    want,
	})
}

// The end waits for the handlers of signals that have come before.
func TestTheEndWaitsForSignalHandlers(t *testing.T) {
	slow := core.On(core.HookSignal, func(_ context.Context, d *core.Daemon, m core.HookInfo) {
		time.Sleep(500 * time.Millisecond)
		d.Logf("doing %v", m.Signal)
	})
	play(t, equipped(slow, core.Teardown(does("teardown"))), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(1.5, usr1), stopAt(1.6)},
		Want:    daemontest.Want{daemontest.Exit(0), endsAt(2.5), done("user defined signal 1", "terminated", "teardown")},
	})
}

// Handlers are given the context of their setup or iteration, which a forced
// stop cancels.
func TestAHungHandlerIsForcedAsExecuteIs(t *testing.T) {
	play(t, equipped(core.On(core.HookPreExecute, func(ctx context.Context, d *core.Daemon, _ core.HookInfo) { <-ctx.Done() })), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1), stopAt(2)},
		Want:    daemontest.Want{daemontest.Exit(1), endsAt(2), daemontest.Logs("Forced: SIGTERM once more")},
	})
}
