package core_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/logfile"
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

// An alert calls the handlers of HookError, with what it wraps; what the
// daemon itself alerts does not.
func TestAnAlertIsAnError(t *testing.T) {
	play(t, equipped(core.MaxConsecutiveFailures(2), core.On(core.HookError, func(_ context.Context, d *core.Daemon, h core.HookInfo) {
		d.Logf("doing %d %v, no file: %t", h.Iteration, h.Err, errors.Is(h.Err, fs.ErrNotExist))
	})), daemontest.Scenario{
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			switch d.Iteration() {
			case 1:
				d.Alertf("no rates: %w", fs.ErrNotExist)
			case 2:
				return errBoom
			case 3:
				time.Sleep(1500 * time.Millisecond) // an overrun
			}
			return nil
		}),
		Steps: daemontest.Steps{stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Overruns(1),
			done("1 no rates: file does not exist, no file: true", "2 boom, no file: false"),
		},
	})
}

// A handler of an alert may call Alertf, and may hang or panic: neither the loop
// nor an end waits for it without bound.
func TestAHandlerOfAnAlertHarmsNobody(t *testing.T) {
	alert := daemontest.Does(func(_ context.Context, d *core.Daemon) error {
		d.Alertf("alert %d", d.Iteration())
		return nil
	})
	t.Run("alerts", func(t *testing.T) {
		play(t, equipped(core.On(core.HookError, func(_ context.Context, d *core.Daemon, h core.HookInfo) {
			d.Alertf("doing %v of %v", h.Hook, h.Err)
		})), daemontest.Scenario{
			Execute: alert, Steps: daemontest.Steps{stopAt(1.5)},
			Want: daemontest.Want{daemontest.Exit(0), done("error of alert 1", "error of alert 2")},
		})
	})
	t.Run("panics", func(t *testing.T) {
		play(t, equipped(core.On(core.HookError, func(context.Context, *core.Daemon, core.HookInfo) { panic("argh") })), daemontest.Scenario{
			Execute: alert, Steps: daemontest.Steps{stopAt(1.5)},
			Want: daemontest.Want{daemontest.Exit(0), startsAt(0, 1), daemontest.LogsTimes("Error: handler of error: panic: argh", 2)},
		})
	})
	t.Run("hangs", func(t *testing.T) {
		play(t, equipped(core.Teardown(does("teardown")), core.On(core.HookError, func(ctx context.Context, d *core.Daemon, _ core.HookInfo) {
			_ = daemontest.Hangs(ctx, d)
		})), daemontest.Scenario{
			Execute: alert, Steps: daemontest.Steps{stopAt(1.5)},
			Want: daemontest.Want{
				daemontest.Exit(1), startsAt(0, 1), daemontest.Logs("Forced: teardown not finished within 10s"), done("teardown"), endsAt(11.5),
			},
		})
	})
}

// An alert before setup, as in a check, calls no handler.
func TestAnAlertBeforeSetupCallsNoHandler(t *testing.T) {
	play(t, equipped(
		core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error { d.Alertf("early"); return nil }),
		core.Setup(func(_ context.Context, d *core.Daemon) error { d.Alertf("in setup"); return nil }),
		core.On(core.HookError, logEvent),
	), daemontest.Scenario{
		Execute: daemontest.Instantly(), Steps: daemontest.Steps{stopAt(0.5)},
		Want: daemontest.Want{daemontest.Exit(0), done("error 0 err in setup")},
	})
}

// HookIdle comes at interval 0, too, and where every iteration overruns.
func TestIdleEvery(t *testing.T) {
	idle := core.On(core.HookIdle, logEvent)
	t.Run("interval 0", func(t *testing.T) {
		play(t, poller(core.Every(0), core.IdleEvery(time.Second), idle, core.WithLog(logfile.Fixed(logPath))), daemontest.Scenario{
			Execute: daemontest.Takes(400 * time.Millisecond),
			Steps:   daemontest.Steps{stopAt(2.7)},
			Want:    daemontest.Want{daemontest.Exit(0), daemontest.Iterations(7), done("idle 3 left 0s", "idle 6 left 0s")},
		})
	})
	t.Run("overruns", func(t *testing.T) {
		play(t, equipped(core.IdleEvery(3*time.Second), idle), daemontest.Scenario{
			Execute: daemontest.Takes(1500*time.Millisecond).Except(1, 100*time.Millisecond),
			Steps:   daemontest.Steps{stopAt(8)},
			Want:    daemontest.Want{daemontest.Exit(0), done("idle 1 left 900ms", "idle 3 left 0s", "idle 5 left 0s")},
		})
	})
	t.Run("without it", func(t *testing.T) {
		play(t, poller(core.Every(0), idle, core.WithLog(logfile.Fixed(logPath))), daemontest.Scenario{
			Execute: daemontest.Takes(400 * time.Millisecond),
			Steps:   daemontest.Steps{stopAt(2.7)},
			Want:    daemontest.Want{daemontest.Exit(0), done()},
		})
	})
	for says, options := range map[string][]core.Option{
		"core.IdleEvery(-1s) is negative: give 0":                   {core.IdleEvery(-time.Second), idle},
		"core.IdleEvery has no handler to call: declare one with c": {core.IdleEvery(time.Second)},
	} {
		play(t, equipped(options...), daemontest.Scenario{
			Execute: daemontest.Instantly(),
			Want:    append(untouched(), daemontest.Exit(1), daemontest.Stderr(says), complainsInOneLine()),
		})
	}
}

// A throttled handler is called at most once in its period, over all of its
// hooks; a new program begins again.
func TestThrottle(t *testing.T) {
	throttled := func(extra ...core.Option) *core.Daemon {
		h := core.Throttle(3*time.Second, logEvent)
		return equipped(core.On(core.HookPreExecute, h), core.On(core.HookIdle, h), core.On(core.HookPreExecute, core.Throttle(-1, logEvent)))(extra...)
	}
	play(t, throttled, daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(4.5, hup), stopAt(5.5)},
		Want: daemontest.Want{daemontest.Exit(0), done(
			"pre-execute 1", "pre-execute 1", "pre-execute 2", "pre-execute 3", "pre-execute 4", "pre-execute 4", "pre-execute 5",
			"pre-execute 6", "pre-execute 6",
		)},
	})
}

// It may be called by several goroutines at once.
func TestThrottleIsSafeForConcurrentUse(t *testing.T) {
	var calls atomic.Int64
	h := core.Throttle(time.Hour, func(context.Context, *core.Daemon, core.HookInfo) { calls.Add(1) })
	d := core.New("d", core.WithClock(clockwork.Real()))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { h(t.Context(), d, core.HookInfo{}) })
	}
	all.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("called %d times", n)
	}
}
