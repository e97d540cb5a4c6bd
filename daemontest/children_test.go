package daemontest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
)

// The tasks of the scenarios.
var (
	greetTask = forker.NewTask("greet", func(_ context.Context, c *forker.Child, name string) (string, error) {
		fmt.Fprintf(c.Stdout(), "printed\nwithout an end")
		c.Logf("hello %s", name)
		return strings.ToUpper(name), nil
	})

	brokenTask = forker.NewTask("broken", func(context.Context, *forker.Child, string) (string, error) {
		return "", errors.New("broken")
	})

	obeyTask = forker.NewTask("obey", func(ctx context.Context, c *forker.Child, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
)

// nursery forks one child of each task in each of the first iterations, as many
// as are given.
func nursery(beats int64, tasks ...*forker.Task[string, string]) NewFunc {
	return func(extra ...core.Option) *core.Daemon {
		return core.New("nursery", append([]core.Option{
			core.Every(time.Second),
			core.Execute(func(_ context.Context, d *core.Daemon) error {
				if d.Iteration() > beats {
					return nil
				}
				for _, task := range tasks {
					if _, err := task.Fork(d, "you"); err != nil {
						d.Logf("not forked: %v", err)
					}
				}
				return nil
			}),
		}, extra...)...)
	}
}

func stop(at time.Duration) Step { return At(at, Signal(syscall.SIGTERM)) }

func TestAChildRunsTheFunctionOfItsTask(t *testing.T) {
	r := Run(t, nursery(2, greetTask), Scenario{
		Steps: Steps{stop(3500 * time.Millisecond)},
		Want:  Want{Forks("greet", 2), ChildrenGone(), Logs("hello you"), Logs("printed"), Logs("without an end"), Exit(0)},
	})
	require.Contains(t, r.Timeline(), "00:00.000  101 fork: task greet, number 1\n")
	require.Contains(t, r.Timeline(), "00:00.000  101 log: hello you\n")
	require.Contains(t, r.Timeline(), "00:00.000  101 end: exit status 0\n")
	require.Contains(t, r.World().Stdout(), "] 101 printed\n")
}

func TestScriptedChildren(t *testing.T) {
	for name, test := range map[string]struct {
		script ChildScript
		want   Want
	}{
		"returns":        {Child().Prints("a\nb\n").Takes(time.Second).Returns("x"), Want{Logs("b"), ChildEnds("obey", 1, "exit status 0")}},
		"fails":          {Child().Fails(errors.New("no luck")), Want{Logs("task obey (PID 101): no luck"), ChildEnds("obey", 1, "exit status 1")}},
		"panics":         {Child().Panics("argh"), Want{Logs("task obey (PID 101): panic: argh")}},
		"exits":          {Child().Exits(3), Want{Logs("exit status 3 without a result")}},
		"crashes":        {Child().PrintsError("bad page").Crashes(syscall.SIGBUS), Want{Logs("killed by SIGBUS without a result\n\tbad page")}},
		"no memory":      {Child().RunsOutOfMemory(), Want{Logs("killed by SIGKILL without a result")}},
		"cannot start":   {Child().CannotStart(syscall.EAGAIN), Want{Logs("not forked: forker: fork task obey: start: this user or container has too many processes"), Forks("obey", 0)}},
		"hangs":          {Child().Hangs(), Want{Logs("child 101 (task obey) has not ended within 5s: it was killed"), EndsAt(8500 * time.Millisecond)}},
		"ignores TERM":   {Child().IgnoresTerm().Takes(4 * time.Second).Returns(""), Want{ChildEnds("obey", 1, "exit status 0"), EndsAt(4 * time.Second)}},
		"is told":        {Child().Takes(time.Hour).Returns(""), Want{ChildEnds("obey", 1, "exit status 1"), EndsAt(3500 * time.Millisecond)}},
		"own function":   {Child().Prints("and then\n"), Want{Logs("and then"), EndsAt(3500 * time.Millisecond)}},
		"leaves another": {Child().LeavesProcess().Takes(time.Second).Returns(""), Want{ChildEnds("obey", 1, "exit status 0"), ChildrenGone()}},
		"alerts":         {Child().Logs("warm").Alerts("hot").Returns(""), Want{Logs("warm"), Logs("Task obey (PID 101): hot")}},
		"wrong result":   {Child().Returns(7), Want{ChildEnds("obey", 1, "exit status 0")}},
	} {
		t.Run(name, func(t *testing.T) {
			Run(t, nursery(1, obeyTask), Scenario{
				Children: map[string]ChildScript{"obey": test.script},
				Steps:    Steps{stop(3500 * time.Millisecond)},
				Want:     append(test.want, Exit(0)),
			})
		})
	}
}

// four forks four children of one instant, which end and are told to end at one
// instant.
func four(extra ...core.Option) *core.Daemon {
	say := func(_ context.Context, d *core.Daemon, h core.HookInfo) { d.Logf("%s %d", h.Hook, h.Child.PID) }
	return nursery(100, greetTask, obeyTask, obeyTask, greetTask)(append([]core.Option{
		core.On(core.HookFork, say), core.On(core.HookReap, say),
		core.Setup(func(context.Context, *core.Daemon) error { return nil }),
	}, extra...)...)
}

// So many plays of each seed give one timeline.
var childPlays = flag.Int("childplays", 2, "how often TestPlaysOfChildrenAreTheSame plays each order")

func TestPlaysOfChildrenAreTheSame(t *testing.T) {
	s := Scenario{
		Children: map[string]ChildScript{"obey": Child().Prints("x\n").Takes(2*time.Second).Returns("").Except(2, Child().Hangs())},
		Steps: Steps{
			At(2*time.Second, Signal(syscall.SIGSTOP)), At(5*time.Second, Signal(syscall.SIGCONT)),
			At(6*time.Second, Signal(syscall.SIGHUP)), stop(14 * time.Second),
		},
		Want: Want{Restarts(1), ChildrenGone(), Exit(0)},
	}
	orders := map[string]bool{}
	for seed := range uint64(4) {
		s.Seed = seed + 1
		first := ""
		for range *childPlays {
			r, verdict := examine(t, four, s)
			require.Empty(t, verdict)
			if first == "" {
				first = r.Timeline()
			}
			require.Equal(t, first, r.Timeline())
			r.world.sim.Remove()
		}
		orders[first] = true
	}
	require.Greater(t, len(orders), 1, "the seeds order the children")
}

var (
	counters = forker.NewPool("counters", forker.PoolConfig{
		Setup:    func(_ context.Context, c *forker.Child) error { c.Logf("worker set up"); return nil },
		Teardown: func(_ context.Context, c *forker.Child) error { c.Logf("worker torn down"); return nil },
	})

	_ = forker.NewMethod(counters, "count", func(_ context.Context, _ *forker.Child, word string) (int, error) { return len(word), nil })
)

// rawCalls has the first iteration start a worker, send it some calls at once, and log
// its answers; then it is told to finish.
func rawCalls(calls int) NewFunc {
	return func(extra ...core.Option) *core.Daemon {
		return core.New("caller", append([]core.Option{core.Every(10 * time.Second), core.Execute(func(ctx context.Context, d *core.Daemon) error {
			if d.Iteration() > 1 {
				return nil
			}
			worker, err := d.Children().Processes.Start(forker.Command{
				Task: counters.Name(), Worker: true, MaxBytes: 100, Stdout: io.Discard, Stderr: io.Discard,
				Message: func(m forker.Message) {
					switch m.Kind {
					case forker.Returned, forker.Failed, forker.Panicked:
						d.Logf("answer %q %s%s", m.Kind, m.Text, m.Data)
					case forker.Logged:
						d.Logf("%s", m.Text)
					default:
					}
				},
			})
			if err != nil {
				return err
			}
			for range calls {
				err = errors.Join(err, worker.Send(ctx, forker.Message{Kind: forker.Called, Text: "count", Data: []byte(`"word"`)}))
			}
			err = errors.Join(err, worker.Send(ctx, forker.Message{Kind: forker.Finish}))
			d.Logf("worker: %s", worker.Wait())
			return err
		})}, extra...)...)
	}
}

func TestScriptedCalls(t *testing.T) {
	for name, test := range map[string]struct {
		script ChildScript
		want   Want
	}{
		"the method itself": {Child(), Want{LogsTimes("answer 'r' 4", 3), Logs("worker torn down"), Logs("worker: exit status 0")}},
		"an answer":         {Child().InCall("count", 2, Child().Returns(7)), Want{LogsTimes("answer 'r' 4", 2), Logs("answer 'r' 7"), Logs("worker: exit status 0")}},
		"an error":          {Child().InCall("count", 0, Child().Fails(errors.New("no"))), Want{LogsTimes("answer 'f' no", 3), Logs("worker: exit status 0")}},
		"time":              {Child().InCall("count", 3, Child().Takes(2*time.Second)), Want{LogsTimes("answer 'r' 4", 3), EndsAt(20 * time.Second)}},
		"a crash":           {Child().InCall("count", 2, Child().Exits(3)), Want{LogsTimes("answer 'r' 4", 1), Logs("worker: exit status 3"), NoLog("torn down")}},
		"a hang":            {Child().InCall("count", 2, Child().Hangs()), Want{LogsTimes("answer 'r' 4", 1), Logs("worker: killed by SIGKILL"), NoLog("torn down")}},
		"no set-up":         {Child().Exits(4), Want{Logs("worker: exit status 4"), NoLog("set up")}},
	} {
		t.Run(name, func(t *testing.T) {
			steps := Steps{stop(20 * time.Second)}
			if name == "a hang" {
				steps = append(steps, AfterFork("counters", 1, 5*time.Second, SignalChild("counters", 1, syscall.SIGKILL)))
			}
			calls := 3
			if name == "no set-up" {
				calls = 0
			}
			Run(t, rawCalls(calls), Scenario{
				Children: map[string]ChildScript{"counters": test.script}, Steps: steps,
				Want: append(test.want, Exit(0), Forks("counters", 1), ChildrenGone()),
			})
		})
	}
}

// careless starts a child beside its group, and never waits for it.
func careless(extra ...core.Option) *core.Daemon {
	return core.New("careless", append([]core.Option{core.Every(10 * time.Second), core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		_, err := d.Children().Processes.Start(forker.Command{
			Task: "obey", Input: []byte(`""`), MaxBytes: 100, Stdout: io.Discard, Stderr: io.Discard, Message: func(forker.Message) {},
		})
		return err
	})}, extra...)...)
}

func TestAChildThatIsLeftBehindFailsTheScenario(t *testing.T) {
	for says, script := range map[string]ChildScript{"lives on when": Child().Takes(time.Hour), "has ended and was not reaped when": Child().Returns("")} {
		_, verdict := examine(t, careless, Scenario{
			Children: map[string]ChildScript{"obey": script}, Steps: Steps{stop(2 * time.Second)}, Want: Want{Exit(0)},
		})
		require.Contains(t, verdict, "a child is left behind: child 1 of the task obey, PID 101, "+says+" its daemon, PID 100, ends")
		_, verdict = examine(t, careless, Scenario{
			Args: "-d", Children: map[string]ChildScript{"obey": script}, Steps: Steps{At(2*time.Second, Signal(syscall.SIGHUP)), stop(3 * time.Second)}, Want: Want{Exit(0)},
		})
		require.Contains(t, verdict, says+" its daemon, PID 101, executes the next program")
	}
}

// The context of a task whose child ignores SIGTERM does not end.
func TestAnOwnFunctionThatIgnoresTerm(t *testing.T) {
	Run(t, nursery(1, obeyTask), Scenario{
		Children: map[string]ChildScript{"obey": Child().IgnoresTerm()},
		Steps:    Steps{stop(3500 * time.Millisecond)},
		Want:     Want{ChildEnds("obey", 1, "killed by SIGKILL"), EndsAt(8500 * time.Millisecond), ChildrenGone(), Exit(0)},
	})
}
