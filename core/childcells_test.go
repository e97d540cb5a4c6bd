package core_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/logfile"
)

// What becomes of a child in each state of its daemon.

// hung ignores SIGTERM; busy is told and ends.
var (
	hung = daemontest.Child().IgnoresTerm().Hangs()
	busy = daemontest.Child().Takes(time.Hour).Returns("")
)

// forks is an Execute that forks a child that is scripted, in these iterations.
func forks(iterations ...int64) core.Option {
	return core.Execute(func(_ context.Context, d *core.Daemon) error {
		for _, n := range iterations {
			if n == d.Iteration() {
				_, err := obeys.Fork(d, "you")
				return err
			}
		}
		return nil
	})
}

func children(script daemontest.ChildScript) map[string]daemontest.ChildScript {
	return map[string]daemontest.ChildScript{"obeys": script}
}

// childEnds wants child n to have ended at this time, and a line of the timeline
// that comes after that.
func childEnds(n int, at float64, how, before string) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("child %d to end at %gs with %s, before %q", n, at, how, before), func(r *daemontest.Result) error {
		pid := ""
		for line := range strings.Lines(r.Timeline()) {
			fields := strings.Fields(line)
			switch {
			case strings.HasSuffix(line, fmt.Sprintf("fork: task obeys, number %d\n", n)):
				pid = fields[1]
			case pid != "" && strings.HasSuffix(line, pid+" end: "+how+"\n"):
				if want := fmt.Sprintf("%02d:%06.3f", int(at)/60, at-float64(int(at)/60*60)); fields[0] != want {
					return fmt.Errorf("it ends at %s, not %s", fields[0], want)
				}
				return nil
			case before != "" && strings.Contains(line, before):
				return fmt.Errorf("%q comes first", strings.TrimSpace(line))
			}
		}
		return fmt.Errorf("there is no such end")
	})
}

// In each of these the first child was forked at the start.
func TestWhatBecomesOfAChild(t *testing.T) {
	killed, told := "killed by SIGKILL", "exit status 1"
	for name, test := range map[string]struct {
		args    string
		declare []core.Option
		child   daemontest.ChildScript
		steps   daemontest.Steps
		want    daemontest.Want
	}{
		"a stop tells it, and teardown waits": {
			"",
			[]core.Option{core.Teardown(does("teardown"))},
			busy,
			daemontest.Steps{stopAt(3.5)},
			daemontest.Want{childEnds(1, 3.5, told, "doing teardown"), daemontest.EndsAt(3500 * time.Millisecond), daemontest.Exit(0)},
		},
		"a stop kills what does not end, after half of the time-out": {
			"",
			[]core.Option{core.Teardown(does("teardown"))},
			hung,
			daemontest.Steps{stopAt(3.5)},
			daemontest.Want{childEnds(1, 8.5, killed, "doing teardown"), daemontest.Exit(0)},
		},
		"a second SIGTERM kills it before the lock is free": {
			"", nil, hung,
			daemontest.Steps{stopAt(3.5), stopAt(4.5)},
			daemontest.Want{childEnds(1, 4.5, killed, "Shutdown Complete"), daemontest.EndsAt(4500 * time.Millisecond), daemontest.Exit(1)},
		},
		"a restart ends it before the next program": {
			"-d", nil, busy,
			daemontest.Steps{at(3.5, hup), stopAt(6.5)},
			daemontest.Want{childEnds(1, 3.52, told, "exec: "), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		"a restart that is refused leaves it alone": {
			"-d", nil, busy,
			daemontest.Steps{at(2, daemontest.BreakBinary(fmt.Errorf("no"))), at(3.5, hup), stopAt(6.5)},
			daemontest.Want{childEnds(1, 6.5, told, ""), daemontest.Restarts(0), daemontest.Exit(0)},
		},
		"an exec that fails has ended it, and the next one can be forked": {
			"-d",
			[]core.Option{forks(1, 6)},
			busy,
			daemontest.Steps{at(2, daemontest.LoseBinary()), at(3.5, hup), stopAt(8.5)},
			daemontest.Want{
				childEnds(1, 3.52, told, "Restart Refused"), childEnds(2, 8.5, told, ""), daemontest.Forks("obeys", 2),
				daemontest.Restarts(0), daemontest.Exit(0),
			},
		},
		"SIGKILL of the daemon kills it": {
			"", nil, hung,
			daemontest.Steps{at(3.5, kill)},
			daemontest.Want{childEnds(1, 3.5, killed, ""), daemontest.Killed()},
		},
		"SIGSTOP of the daemon does not stop it, and it is reaped after SIGCONT": {
			"",
			[]core.Option{core.On(core.HookReap, func(_ context.Context, d *core.Daemon, _ core.HookInfo) { d.Logf("doing reap") })},
			daemontest.Child().Takes(4 * time.Second).Logs("almost").Returns(""),
			daemontest.Steps{at(3.5, halt), at(5.5, cont), stopAt(6.5)},
			daemontest.Want{
				childEnds(1, 4, "exit status 0", "almost"), daemontest.Exit(0), done("reap"),
				daemontest.Check("the reap at 5.5s", func(r *daemontest.Result) error {
					if at := r.LoggedAt("doing reap"); len(at) != 1 || at[0].Round(time.Millisecond) != 5500*time.Millisecond {
						return fmt.Errorf("it is at %v", at)
					}
					return nil
				}),
			},
		},
		"a suspended machine does not take of its time": {
			"",
			[]core.Option{core.Setup(func(_ context.Context, d *core.Daemon) error { d.Children().Timeout = 5 * time.Second; return nil })},
			busy,
			daemontest.Steps{at(2.5, daemontest.Suspend(time.Hour)), stopAt(6.5)},
			daemontest.Want{childEnds(1, 5, told, ""), daemontest.Logs("no result within its time-out of 5s"), daemontest.Exit(0)},
		},
		"an iteration that ignores its time-out takes it along": {
			"-d",
			[]core.Option{core.IterationTimeout(3 * time.Second), core.Execute(func(ctx context.Context, d *core.Daemon) error {
				if d.Iteration() > 1 {
					return nil
				}
				if _, err := obeys.Fork(d, "you"); err != nil {
					return err
				}
				return daemontest.Hangs(ctx, d)
			})},
			busy,
			daemontest.Steps{stopAt(20.5)},
			daemontest.Want{daemontest.ChildEnds("obeys", 1, told), daemontest.Restarts(1), daemontest.Exit(0)},
		},
		"its own time-out is followed by SIGKILL": {
			"",
			[]core.Option{core.Setup(func(_ context.Context, d *core.Daemon) error { d.Children().Timeout = 2 * time.Second; return nil })},
			hung,
			daemontest.Steps{stopAt(9.5)},
			daemontest.Want{childEnds(1, 7, killed, ""), daemontest.EndsAt(9500 * time.Millisecond), daemontest.Exit(0)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(append([]core.Option{core.Every(time.Second), forks(1)}, test.declare...)...), daemontest.Scenario{
				Args: test.args, Children: children(test.child), Steps: test.steps, Want: append(test.want, daemontest.ChildrenGone()),
			})
		})
	}
}

const cacheLock = "memcached://cache/poller"

// A lost lock ends the children before anybody else can rely on it.
func TestALostLockEndsTheChildren(t *testing.T) {
	for name, test := range map[string]struct {
		hang   bool
		args   string
		steps  daemontest.Steps
		status int
	}{
		"beside an Execute that ends":                {status: 1},
		"beside one that does not":                   {hang: true, status: 1},
		"and the process that is replaced is clean":  {hang: true, args: "-d", steps: daemontest.Steps{at(10, daemontest.FreeLock(cacheLock)), stopAt(40)}},
		"also where they are waited for in teardown": {args: "-d", steps: daemontest.Steps{at(2.45, hup), at(10, daemontest.FreeLock(cacheLock)), stopAt(40)}},
	} {
		t.Run(name, func(t *testing.T) {
			execute := core.Execute(func(ctx context.Context, d *core.Daemon) error {
				switch {
				case d.Iteration() == 1:
					_, err := obeys.Fork(d, "you")
					return err
				case test.hang && d.Restarts() == 0 && d.Iteration() == 3:
					return daemontest.Hangs(ctx, d)
				}
				return nil
			})
			play(t, poller(core.Every(time.Second), execute, core.WithLock(daemontest.Leased(cacheLock, 20*time.Second)), core.WithLog(logfile.Fixed(logPath)), core.Standby()), daemontest.Scenario{
				Args:     test.args,
				Children: children(hung),
				Steps:    append(test.steps, at(2.5, daemontest.StealLock(cacheLock))),
				Want: daemontest.Want{
					daemontest.Exit(test.status), daemontest.ChildrenGone(), daemontest.ChildEnds("obeys", 1, "killed by SIGKILL"),
					daemontest.Check("a child that ends within the grace after the loss", func(r *daemontest.Result) error {
						lost := r.LoggedAt("Lock Lost")
						ended := firstEnd(t, r, "killed by SIGKILL")
						if len(lost) == 0 || ended > lost[0]+1100*time.Millisecond {
							return fmt.Errorf("lost at %v, the child ended at %s", lost, ended)
						}
						return nil
					}),
				},
			})
		})
	}
}

// Children that hang at a stop share one limit.
func TestFiftyHungChildrenEndInOneLimit(t *testing.T) {
	execute := core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		for range 50 {
			if _, err := obeys.Fork(d, "you"); err != nil {
				return err
			}
		}
		return nil
	})
	play(t, equipped(core.Every(time.Second), execute), daemontest.Scenario{
		Children: children(hung), Steps: daemontest.Steps{stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Forks("obeys", 50), daemontest.AtMostChildren("obeys", 50), daemontest.ChildrenGone(),
			daemontest.EndsAt(8500 * time.Millisecond), daemontest.Exit(0),
		},
	})
}

// A child that one kills is an error like any other.
func TestAChildThatIsKilled(t *testing.T) {
	play(t, equipped(core.Every(time.Second), forks(1)), daemontest.Scenario{
		Children: children(busy),
		Steps:    daemontest.Steps{daemontest.AfterFork("obeys", 1, 1500*time.Millisecond, daemontest.SignalChild("obeys", 1, syscall.SIGKILL)), stopAt(3.5)},
		Want: daemontest.Want{
			childEnds(1, 1.5, "killed by SIGKILL", ""), daemontest.Logs("killed by SIGKILL without a result"), daemontest.Exit(0),
		},
	})
}

// firstEnd returns when the first process has ended so.
func firstEnd(t *testing.T, r *daemontest.Result, how string) time.Duration {
	t.Helper()
	for line := range strings.Lines(r.Timeline()) {
		if strings.HasSuffix(line, " end: "+how+"\n") {
			var minutes int
			var s float64
			_, err := fmt.Sscanf(strings.TrimSpace(line), "%d:%f", &minutes, &s)
			require.NoError(t, err)
			return time.Duration(minutes)*time.Minute + seconds(s)[0]
		}
	}
	return time.Hour
}
