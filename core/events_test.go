package core_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

var allEvents = []core.Event{
	core.Init, core.PreExecute, core.PostExecute, core.Idle, core.Error, core.Signal, core.Restart, core.Shutdown,
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
func logEvent(_ context.Context, d *core.Daemon, m core.Moment) {
	text := fmt.Sprintf("%s %d", m.Event, m.Iteration)
	switch m.Event {
	case core.PostExecute:
		text += fmt.Sprintf(" took %s err %v", m.Took, m.Err)
	case core.Idle:
		text += fmt.Sprintf(" left %s", m.Left)
	case core.Error:
		text += fmt.Sprintf(" err %v", m.Err)
	case core.Signal:
		text += fmt.Sprintf(" %v", m.Signal)
	case core.Restart, core.Shutdown:
		text += " cause " + m.Cause
	default:
	}
	d.Log("doing %s", text)
}

// Events come in their order, and tell what belongs to them.
func TestEventsComeInTheirOrder(t *testing.T) {
	play(t, equipped(append(onAll(logEvent), core.Tolerate(2), core.Setup(does("setup")), core.Teardown(does("teardown")))...), daemontest.Scenario{
		Execute: daemontest.Takes(200*time.Millisecond).FailsAt(2, errBoom).ButNth(3, time.Second),
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

// A handler that panics is logged and harms nobody else: neither the other
// handlers nor the daemon.
func TestAPanickingHandlerHarmsNobody(t *testing.T) {
	panics := func(_ context.Context, _ *core.Daemon, m core.Moment) { panic("argh in " + m.Event.String()) }
	options := append(onAll(panics), onAll(func(_ context.Context, d *core.Daemon, m core.Moment) { d.Log("doing %s", m.Event) })...)
	want := daemontest.Want{
		daemontest.Exit(0), startsAt(0, 1, 2), daemontest.Restarts(1), daemontest.LockReleased(),
		done("init", "pre-execute", "error", "post-execute", "idle", "signal", "restart",
			"init", "pre-execute", "post-execute", "idle", "pre-execute", "post-execute", "idle", "signal", "shutdown"),
	}
	for _, e := range allEvents {
		want = append(want, daemontest.Logs(fmt.Sprintf("Error: handler of %s: panic: argh in %s", e, e)))
	}
	play(t, equipped(append(options, core.Tolerate(2))...), daemontest.Scenario{
		Execute: daemontest.Instantly().FailsAt(1, errBoom),
		Steps:   daemontest.Steps{at(0.5, hup), stopAt(2.5)},
		Want:    want,
	})
}

// The end waits for the handlers of signals that have come before.
func TestTheEndWaitsForSignalHandlers(t *testing.T) {
	slow := core.On(core.Signal, func(_ context.Context, d *core.Daemon, m core.Moment) {
		time.Sleep(500 * time.Millisecond)
		d.Log("doing %v", m.Signal)
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
	play(t, equipped(core.On(core.PreExecute, func(ctx context.Context, d *core.Daemon, _ core.Moment) { <-ctx.Done() })), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(1), stopAt(2)},
		Want:    daemontest.Want{daemontest.Exit(1), endsAt(2), daemontest.Logs("Forced: SIGTERM once more")},
	})
}
