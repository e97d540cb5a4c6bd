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

// forksBoth forks a child of each of two tasks three times at the start, and
// logs what was refused.
var forksBoth = core.Execute(func(_ context.Context, d *core.Daemon) error {
	if d.Iteration() > 1 {
		return nil
	}
	for range 3 {
		for _, task := range []*forker.Task[string, string]{obeys, greets} {
			if _, err := task.Fork(d, "you"); err != nil {
				d.Logf("doing nothing: %v", err)
			}
		}
	}
	return nil
})

func TestChildLimits(t *testing.T) {
	takes := daemontest.Child().Takes(time.Second).Returns("")
	for name, test := range map[string]struct {
		limits core.Option
		script daemontest.ChildScript
		want   daemontest.Want
	}{
		"in all": {
			core.ChildLimits(2), takes,
			daemontest.Want{daemontest.AtMostChildren("", 2), daemontest.LogsTimes("doing nothing: forker: fork task obeys: too many children: 2 run (Group.Max)", 2)},
		},
		"for each task": {
			core.ChildLimits(0, forker.AtMost(1)), takes,
			daemontest.Want{
				daemontest.AtMostChildren("obeys", 1), daemontest.AtMostChildren("greets", 1), daemontest.Forks("", 2),
				daemontest.LogsTimes("too many children: 1 run this task (AtMost)", 4),
			},
		},
		"those beyond them wait": {
			core.ChildLimits(2, forker.IfFull(forker.Queue)), takes,
			daemontest.Want{daemontest.AtMostChildren("", 2), daemontest.Forks("", 6), daemontest.NoLog("doing nothing")},
		},
		"of time": {
			core.ChildLimits(0, forker.Timeout(500*time.Millisecond)), takes,
			daemontest.Want{daemontest.LogsTimes("no result within its time-out of 500ms", 6)},
		},
		"of memory": {
			core.ChildLimits(0, forker.Memory(200<<20)), daemontest.Child().RunsOutOfMemory(),
			daemontest.Want{daemontest.LogsTimes("out of memory: it needed more than its limit of 209715200 bytes (Memory)", 6)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(forksBoth, test.limits), daemontest.Scenario{
				Children: map[string]daemontest.ChildScript{"obeys": test.script, "greets": test.script},
				Steps:    daemontest.Steps{stopAt(8.5)},
				Want:     append(test.want, daemontest.Exit(0), daemontest.ChildrenGone()),
			})
		})
	}
}

// What a task or one Fork asks for counts, and a function takes what needs no
// process.
func TestChildLimitsAreDefaults(t *testing.T) {
	play(t, equipped(core.ChildLimits(0, forker.AtMost(1), forker.Nice(5), forker.Timeout(time.Second)), core.Execute(func(_ context.Context, d *core.Daemon) error {
		if d.Iteration() > 1 {
			return nil
		}
		for range 2 {
			if _, err := obeys.Fork(d, "you", forker.AtMost(2), forker.Timeout(time.Minute)); err != nil {
				return err
			}
		}
		return d.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
	})), daemontest.Scenario{
		Children: children(daemontest.Child().Takes(3 * time.Second).Returns("")),
		Steps:    daemontest.Steps{stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ChildEnds("obeys", 2, "exit status 0"),
			daemontest.LogsTimes("it has not returned within its time-out of 1s", 1),
		},
	})
}

func TestWrongChildLimitsAreRefusedAtTheStart(t *testing.T) {
	for says, option := range map[string]core.Option{
		"limits of children: Group.Max is negative: -1":                                                   core.ChildLimits(-1),
		"limits of children: AtMost(-1) is negative":                                                      core.ChildLimits(0, forker.AtMost(-1)),
		"limits of children: CheckEnvironment, SetUp and TearDown are options of NewTask, not of a Group": core.ChildLimits(0, forker.SetUp(func(context.Context, *forker.Child) error { return nil })),
	} {
		play(t, equipped(option), daemontest.Scenario{
			Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr(says), daemontest.Iterations(0), daemontest.NeverReady()},
		})
	}
}

var agingDesk = forker.NewPool("aging desk", forker.PoolConfig{Workers: 1, RecycleAge: 2500 * time.Millisecond})

var greetsAt = forker.NewMethod(agingDesk, "greets", func(_ context.Context, _ *forker.Child, name string) (string, error) { return name, nil })

// A worker is replaced after the call at which it is too old, and HookRecycle
// tells of it before it ends.
func TestAWorkerThatIsTooOld(t *testing.T) {
	note := func(_ context.Context, d *core.Daemon, h core.HookInfo) {
		d.Logf("doing %s %s %q", h.Hook, h.Child.Task, h.Cause)
	}
	play(t, equipped(
		core.Setup(func(ctx context.Context, d *core.Daemon) error { return agingDesk.Start(ctx, d) }),
		core.On(core.HookFork, note), core.On(core.HookReap, note), core.On(core.HookRecycle, note),
		core.Execute(func(ctx context.Context, d *core.Daemon) error {
			name, err := greetsAt.Call(ctx, d, "you")
			if name != "you" {
				err = errors.Join(err, errors.New("no answer"))
			}
			return err
		}),
	), daemontest.Scenario{
		Steps: daemontest.Steps{stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Forks("aging desk", 2), daemontest.ChildrenGone(),
			done(`fork aging desk ""`, `recycle aging desk "its age is 3s"`, `reap aging desk ""`, `fork aging desk ""`, `reap aging desk ""`),
		},
	})
}
