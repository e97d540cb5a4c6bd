package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

// A function that Execute hands to Go runs beside the loop, and its end is
// waited for.
func TestFunctionsRunBesideTheLoop(t *testing.T) {
	execute := core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		return errors.Join(
			d.Go(func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Second)
				d.Logf("doing the last page")
				return nil
			}),
			d.Go(func(context.Context) error {
				time.Sleep(200 * time.Millisecond)
				return errors.New("no database")
			}),
			d.Go(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}, forker.Timeout(1300*time.Millisecond)),
		)
	})
	teardown := core.Teardown(func(_ context.Context, d *core.Daemon) error {
		d.Logf("doing teardown, and %v", d.Go(func(context.Context) error { return nil }) != nil)
		return nil
	})
	play(t, equipped(execute, teardown), daemontest.Scenario{
		Steps: daemontest.Steps{at(2.5, usr1), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), done("the last page", "teardown, and true"),
			daemontest.Logs("Children:          github.com/evertick/evertick/core_test.TestFunctionsRunBesideTheLoop."),
			daemontest.Logs(": no database"), daemontest.Logs("it has not returned within its time-out of 1.3s"),
		},
	})
}

// One that ignores its context is left behind at half of the shutdown time-out.
func TestAFunctionThatDoesNotReturnIsLeftBehind(t *testing.T) {
	execute := core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		return d.Go(func(context.Context) error {
			time.Sleep(time.Hour)
			return nil
		})
	})
	play(t, equipped(execute, core.ShutdownTimeout(4*time.Second), core.Teardown(does("teardown"))), daemontest.Scenario{
		Steps: daemontest.Steps{stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), done("teardown"), daemontest.Logs("does not return: it is left behind"),
		},
	})
}
