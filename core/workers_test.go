package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

var (
	desks = forker.NewPool("desks", forker.PoolConfig{
		Workers: 2, InProcess: true, RecycleCalls: 3, Timeout: time.Minute,
		Setup: func(_ context.Context, c *forker.Child) error {
			c.Logf("doing desk opens")
			return nil
		},
		Teardown: func(_ context.Context, c *forker.Child) error {
			c.Logf("doing desk closes")
			return nil
		},
	})
	naps = forker.NewMethod(desks, "naps", func(_ context.Context, _ *forker.Child, d time.Duration) (string, error) {
		time.Sleep(d)
		return fmt.Sprint("slept ", d), nil
	})
)

// opens starts the workers before the loop.
var opens = core.Setup(func(ctx context.Context, d *core.Daemon) error { return desks.Start(ctx, d) })

// What a call is followed by runs in the loop, before the next Execute; where
// none follows, before Teardown.
func TestResultsAreHandledInTheLoop(t *testing.T) {
	execute := core.Execute(func(ctx context.Context, d *core.Daemon) error {
		d.Logf("doing #%d", d.Iteration())
		if d.Iteration() > 1 {
			return nil
		}
		for _, nap := range []time.Duration{200 * time.Millisecond, 1200 * time.Millisecond, 5 * time.Second} {
			c, err := naps.Submit(ctx, d, nap)
			if err != nil {
				return err
			}
			c.Then(func(out string, err error) {
				d.Logf("doing %s%v", out, err)
				if nap < time.Second {
					panic("a result that nobody expected")
				}
			})
		}
		return nil
	})
	play(t, equipped(opens, execute, core.Teardown(does("teardown"))), daemontest.Scenario{
		Steps: daemontest.Steps{at(2.6, usr1), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0),
			daemontest.Logs("a function given to Call.Then: panic: a result that nobody expected"),
			daemontest.Logs("Children:          worker of pool desks, running (naps), 2.6"),
			daemontest.Logs("Pool desks:        2 workers (1 idle), calls: 0 queued, 1 running, 2 done, 0 failed, 0 retried; p50 20"),
			done("desk opens", "desk opens", "#1", "slept 200ms<nil>", "#2", "slept 1.2s<nil>", "#3", "#4",
				"desk closes", "desk closes", "slept 5s<nil>", "teardown"),
		},
	})
}

// A daemon that stops lets the calls that run end, within half of its shutdown
// time-out, and ends those that wait.
func TestCallsAtAStop(t *testing.T) {
	execute := core.Execute(func(ctx context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		for _, nap := range []time.Duration{time.Hour, 4 * time.Second, time.Millisecond} {
			c, err := naps.Submit(ctx, d, nap)
			if err != nil {
				return err
			}
			c.Then(func(out string, err error) {
				var e *forker.CallError
				d.Logf("doing %q %v", out, errors.As(err, &e) && errors.Is(err, forker.ErrClosed) && !e.MayHaveRun)
			})
		}
		return nil
	})
	play(t, equipped(opens, execute, core.ShutdownTimeout(4*time.Second), core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		_, err := naps.Call(ctx, d, 0)
		d.Logf("doing teardown %v", errors.Is(err, forker.ErrClosed))
		return nil
	})), daemontest.Scenario{
		Steps: daemontest.Steps{stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Logs("worker of pool desks does not return from naps: it is left behind"),
			done("desk opens", "desk opens", "desk closes", `"" true`, `"slept 4s" false`, "teardown true"),
		},
	})
}

var (
	ledgers = forker.NewPool("ledgers", forker.PoolConfig{Workers: 1})
	books   = forker.NewMethod(ledgers, "books", func(_ context.Context, _ *forker.Child, n int) (int, error) { return n, nil })
)

// What becomes of a call that a worker has, and of one in the queue: the daemon's
// iteration ends first, and then its teardown has a limit.
func TestCallsAtAStopAndARestart(t *testing.T) {
	for name, test := range map[string]struct {
		takes, iteration time.Duration
		step             daemontest.Step
		restarts         int
		ends             []string
	}{
		"SIGTERM":                       {3 * time.Second, 0, stopAt(1.5), 0, []string{"2 closed", "1 <nil>"}},
		"SIGHUP":                        {3 * time.Second, 0, at(1.5, hup), 1, []string{"2 closed", "1 <nil>"}},
		"SIGTERM, beyond the limit":     {time.Minute, 0, stopAt(1.5), 0, []string{"2 closed", "1 died"}},
		"SIGHUP, beyond the limit":      {time.Minute, 0, at(1.5, hup), 1, []string{"2 closed", "1 died"}},
		"SIGTERM, within the iteration": {3 * time.Second, 9 * time.Second, stopAt(1.5), 0, []string{"1 <nil>", "2 <nil>"}},
		"SIGHUP, within the iteration":  {3 * time.Second, 9 * time.Second, at(1.5, hup), 1, []string{"1 <nil>", "2 <nil>"}},
	} {
		t.Run(name, func(t *testing.T) {
			execute := core.Execute(func(ctx context.Context, d *core.Daemon) error {
				if d.Iteration() > 1 {
					return nil
				}
				for n := 1; n <= 2; n++ {
					c, err := books.Submit(ctx, d, n)
					if err != nil {
						return err
					}
					c.Then(func(_ int, err error) {
						var e *forker.CallError
						switch {
						case errors.Is(err, forker.ErrClosed) && errors.As(err, &e) && !e.MayHaveRun:
							d.Logf("doing %d closed", n)
						case errors.Is(err, forker.ErrWorkerDied) && errors.As(err, &e) && e.MayHaveRun:
							d.Logf("doing %d died", n)
						default:
							d.Logf("doing %d %v", n, err)
						}
					})
				}
				time.Sleep(test.iteration)
				return nil
			})
			steps := daemontest.Steps{test.step}
			if test.restarts > 0 {
				steps = append(steps, stopAt(20.5))
			}
			play(t, equipped(execute, core.ShutdownTimeout(10*time.Second)), daemontest.Scenario{
				Args:     "-d",
				Children: map[string]daemontest.ChildScript{"ledgers": daemontest.Child().InCall("books", 0, daemontest.Child().Takes(test.takes).Returns(0))},
				Steps:    steps,
				Want: daemontest.Want{
					daemontest.Exit(0), daemontest.Restarts(test.restarts), daemontest.ChildrenGone(), done(test.ends...),
				},
			})
		})
	}
}

var (
	unfitDesk = forker.NewPool("unfit desk", forker.PoolConfig{Workers: 1, Timeout: 2 * time.Hour})
	asks      = forker.NewMethod(unfitDesk, "asks", func(_ context.Context, _ *forker.Child, n int) (int, error) { return n, nil })
)

// Pauses between workers whose set-up fails grow from 0.1 s to 30 s: ten workers in
// the first 51.1 s, and then two a minute.
func TestPausesBetweenWorkersThatFail(t *testing.T) {
	play(t, equipped(core.Every(time.Minute), core.Execute(func(ctx context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		_, err := asks.Submit(ctx, d, 1)
		return err
	})), daemontest.Scenario{
		Children: map[string]daemontest.ChildScript{"unfit desk": daemontest.Child().Fails(errors.New("no database"))},
		Steps:    daemontest.Steps{stopAt(3600)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Forks("unfit desk", 10+118), daemontest.ChildrenGone(),
			daemontest.Logs("its set-up: no database"),
		},
	})
}

var starts = forker.NewTask("starts", func(_ context.Context, c *forker.Child, text string) (string, error) {
	c.Logf("doing %s", text)
	return text, nil
})

func init() {
	forker.AtStart(func(_ context.Context, c *forker.Child) error {
		if c.Task() == starts.Name() {
			c.Logf("doing start")
		}
		return nil
	})
}

// What runs at the start of each child does so in a scenario, too.
func TestWhatRunsAtTheStartOfAChildInAScenario(t *testing.T) {
	play(t, equipped(core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		_, err := starts.Fork(d, "task")
		return err
	})), daemontest.Scenario{
		Steps: daemontest.Steps{stopAt(1.5)},
		Want:  daemontest.Want{daemontest.Exit(0), done("start", "task"), daemontest.ChildrenGone()},
	})
}
