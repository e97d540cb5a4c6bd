package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// waits is an Execute that has nothing to do until the daemon stops.
func waits(ctx context.Context, d *core.Daemon) error {
	select {
	case <-d.Stopping():
		d.Logf("#%d gives up: the daemon stops", d.Iteration())
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A loop that waits for its own work ends at once with a stop, and with a restart
// that was accepted.
func TestStoppingEndsAnExecuteThatWaits(t *testing.T) {
	declare := equipped(core.Every(0), core.Execute(waits))
	for _, args := range []string{"", "-d -p poller.pid"} {
		play(t, declare, daemontest.Scenario{
			Args:  args,
			Steps: daemontest.Steps{at(2, hup), stopAt(5)},
			Want: daemontest.Want{
				daemontest.Iterations(2), daemontest.Restarts(1), daemontest.Failures(0), daemontest.Exit(0), endsAt(5),
				daemontest.Logs("#1 gives up"), daemontest.Logs("#2 gives up"), daemontest.LogsTimes("Forced", 0), daemontest.LockReleased(),
			},
		})
	}
	play(t, equipped(core.Every(0), core.Execute(waits)), daemontest.Scenario{
		Options: []core.Option{core.Setup(func(_ context.Context, d *core.Daemon) error {
			time.AfterFunc(3*time.Second, func() { d.Stop("enough") })
			return nil
		})},
		Want: daemontest.Want{daemontest.Iterations(1), daemontest.Exit(0), endsAt(3)},
	})
}

// What a restart needs is tried first: an iteration goes on meanwhile, and after
// a refusal.
func TestARestartThatIsTriedDoesNotStop(t *testing.T) {
	play(t, equipped(core.Every(0), core.Execute(waits)), daemontest.Scenario{
		Steps: daemontest.Steps{at(2, daemontest.BreakBinary(errors.New("a typo")), hup), stopAt(9)},
		Want: daemontest.Want{
			daemontest.Logs("Restart Refused"), daemontest.Iterations(1), daemontest.LogsTimes("gives up", 1),
			daemontest.Restarts(0), daemontest.Exit(0), endsAt(9),
		},
	})
}

// After an exec that failed the daemon goes on, and the next iterations wait
// again.
func TestStoppingIsOpenAgainAfterAFailedExec(t *testing.T) {
	play(t, equipped(core.Every(0), core.Execute(waits)), daemontest.Scenario{
		Steps: daemontest.Steps{at(2, daemontest.LoseBinary(), hup), stopAt(9)},
		Want: daemontest.Want{
			daemontest.Logs("could not be executed"), daemontest.Iterations(2), daemontest.LogsTimes("gives up", 2),
			daemontest.Restarts(0), daemontest.Exit(0), endsAt(9),
		},
	})
}

// A daemon that sleeps, or sets up, tells a goroutine of the user's own as well;
// one that has to set up again after a time-out tells it, too.
func TestStoppingIsToldInEveryState(t *testing.T) {
	watch := core.Setup(func(_ context.Context, d *core.Daemon) error {
		stopping := d.Stopping()
		go func() {
			<-stopping
			d.Logf("told in %s", d.Uptime())
		}()
		return nil
	})
	play(t, equipped(watch), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(2.5)},
		Want:    daemontest.Want{daemontest.Logs("told in 2.5s"), daemontest.Exit(0)},
	})
	play(t, equipped(watch), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly().FailsAt(16, errBoom),
		Steps: daemontest.Steps{stopAt(20.5)},
		Want:  daemontest.Want{daemontest.LogsTimes("told in", 2), daemontest.Restarts(1), daemontest.Exit(0)},
	})
	play(t, equipped(watch, core.IterationTimeout(time.Second)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly().Except(3, time.Hour),
		Steps: daemontest.Steps{at(0.5, daemontest.HangBinary()), stopAt(24.5)},
		Want:  daemontest.Want{daemontest.Logs("told in 18s"), daemontest.Logs("told in 24.5s"), daemontest.Restarts(0), daemontest.Exit(0)},
	})
	play(t, equipped(core.Setup(func(ctx context.Context, d *core.Daemon) error {
		return d.Sleep(context.Background(), time.Minute)
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{stopAt(2.5)},
		Want:    daemontest.Want{daemontest.NeverReady(), daemontest.Exit(0), endsAt(2.5)},
	})
}

// Sleep says how it has ended.
func TestSleepTellsHowItEnded(t *testing.T) {
	cause := errors.New("given up")
	for _, c := range []struct {
		name  string
		sleep func(ctx context.Context, d *core.Daemon) error
		stop  float64
		says  string
	}{
		{"done", func(ctx context.Context, d *core.Daemon) error { return d.Sleep(ctx, time.Second) }, 9, "after 1s: <nil>"},
		{"stopped", func(ctx context.Context, d *core.Daemon) error { return d.Sleep(ctx, time.Hour) }, 3, "after 3s: the daemon is stopping or restarting"},
		{"cancelled", func(ctx context.Context, d *core.Daemon) error {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(cause)
			return d.Sleep(ctx, time.Hour)
		}, 9, "after 0s: given up"},
		{"nothing", func(ctx context.Context, d *core.Daemon) error { return d.Sleep(ctx, -time.Second) }, 9, "after 0s: <nil>"},
		{"nothing, when stopped", func(ctx context.Context, d *core.Daemon) error {
			<-d.Stopping()
			return d.Sleep(ctx, 0)
		}, 3, "after 3s: the daemon is stopping or restarting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(core.Every(time.Hour), core.Execute(func(ctx context.Context, d *core.Daemon) error {
				began := d.Clock().Now()
				err := c.sleep(ctx, d)
				d.Logf("after %s: %v", d.Clock().Now().Sub(began).Round(time.Second), err)
				return nil
			})), daemontest.Scenario{
				Steps: daemontest.Steps{stopAt(c.stop)},
				Want:  daemontest.Want{daemontest.Logs(c.says), daemontest.Exit(0), endsAt(c.stop)},
			})
		})
	}
}

// An Execute that returns what Sleep has told it has not failed; with any other
// error it has.
func TestAnIterationThatAStopEndsHasNotFailed(t *testing.T) {
	other := func(ctx context.Context, d *core.Daemon) error {
		<-d.Stopping()
		return errBoom
	}
	sleeps := func(ctx context.Context, d *core.Daemon) error {
		return fmt.Errorf("wait for work: %w", d.Sleep(ctx, time.Hour))
	}
	cancelled := func(ctx context.Context, d *core.Daemon) error {
		<-ctx.Done()
		return fmt.Errorf("poll: %w", ctx.Err())
	}
	early := func(ctx context.Context, d *core.Daemon) error { return fmt.Errorf("early: %w", core.ErrStopping) }
	for _, c := range []struct {
		name     string
		execute  core.Func
		options  []core.Option
		failures int
		mails    int
	}{
		{"sleep", sleeps, nil, 0, 0},
		{"sleep, cancelled", sleeps, []core.Option{core.CancelOnStop()}, 0, 0},
		{"cancelled", cancelled, []core.Option{core.CancelOnStop()}, 0, 0},
		{"another error", other, nil, 1, 1},
		{"another error, cancelled", other, []core.Option{core.CancelOnStop()}, 1, 1},
		{"before the stop", early, []core.Option{core.MaxConsecutiveFailures(2)}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(append(c.options, core.Every(time.Hour), core.Execute(c.execute))...), daemontest.Scenario{
				Steps: daemontest.Steps{stopAt(3)},
				Want:  daemontest.Want{daemontest.Failures(c.failures), daemontest.Mails(c.mails), daemontest.Exit(0), endsAt(3)},
			})
		})
	}
}

// CancelOnStop cancels the context of Execute at the first stop and at a restart,
// and the daemon goes on with another one.
func TestCancelOnStopCancelsTheContext(t *testing.T) {
	work := core.Execute(func(ctx context.Context, d *core.Daemon) error {
		<-ctx.Done()
		d.Logf("cancelled: %v", context.Cause(ctx))
		return context.Cause(ctx)
	})
	play(t, equipped(core.CancelOnStop(), work), daemontest.Scenario{
		Steps: daemontest.Steps{at(2, daemontest.LoseBinary(), hup), stopAt(5)},
		Want: daemontest.Want{
			daemontest.Iterations(2), daemontest.Failures(0), daemontest.Exit(0), endsAt(5),
			daemontest.LogsTimes("cancelled: the daemon is stopping or restarting", 2),
		},
	})
	play(t, equipped(work), daemontest.Scenario{ // without it, only a forced stop does
		Steps: daemontest.Steps{stopAt(5)},
		Want:  daemontest.Want{daemontest.Failures(1), daemontest.Logs("cancelled: forced"), daemontest.Exit(1), endsAt(15)},
	})
}

// An error of the user's that is told apart from the library's.
func TestErrStoppingIsACancellation(t *testing.T) {
	if !errors.Is(core.ErrStopping, context.Canceled) || errors.Is(context.Canceled, core.ErrStopping) {
		t.Error("ErrStopping matches context.Canceled, and not the other way round")
	}
}
