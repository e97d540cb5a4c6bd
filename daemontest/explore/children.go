package explore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

// childDeeds are what children do.
var childDeeds = []Deed{Takes, Sleeps, Hangs, Fails, Panics, Crashes}

// order is the argument of the tasks and methods.
type order struct {
	Does Deed
	For  time.Duration
	Call int64 // the call's number; 0 for a child
}

// The tasks of lives. Those of the second one crash: see Children.
var (
	task = forker.NewTask("explore", perform)

	crash = forker.NewTask("explore/crash", perform)

	pool = forker.NewPool("explore/pool", forker.PoolConfig{Workers: 2, MaxQueue: 6, Timeout: 8 * time.Second, RecycleCalls: 3})

	works = forker.NewMethod(pool, "works", perform)

	crashes = forker.NewMethod(pool, "crashes", perform)
)

// calls counts the calls of all lives, and executions, by their numbers, how often
// each was run.
var (
	calls      atomic.Int64
	executions sync.Map // of *atomic.Int64
)

// perform is what a child does, or a worker in a call.
func perform(ctx context.Context, _ *forker.Child, o order) (int, error) {
	if o.Call > 0 {
		count, _ := executions.LoadOrStore(o.Call, new(atomic.Int64))
		count.(*atomic.Int64).Add(1)
	}
	t := time.NewTimer(o.For)
	defer t.Stop()
	switch o.Does {
	case Takes:
		select {
		case <-t.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	case Sleeps:
		<-t.C
	case Hangs:
		select {}
	case Panics:
		panic("argh")
	default:
		return 0, errors.New("boom")
	}
	return 1, nil
}

// Children is what a scenario's children do beside the functions of their tasks.
func Children() map[string]daemontest.ChildScript {
	crashes := daemontest.Child().Crashes(syscall.SIGSEGV)
	return map[string]daemontest.ChildScript{
		"explore/crash": crashes.Maybe(), "explore/pool": daemontest.Child().InCall("crashes", 0, crashes).Maybe(),
	}
}

// Start forks a child that does the deed.
func Start(d *core.Daemon, does Deed, takes time.Duration, options ...forker.Option) (*forker.Handle[int], error) {
	its := task
	if does == Crashes {
		its = crash
	}
	return its.Fork(d, order{Does: does, For: takes}, options...)
}

// Submit calls a worker that does the deed.
func Submit(d *core.Daemon, does Deed, takes time.Duration) (c *forker.Call[int], number int64, err error) {
	its := works
	if does == Crashes {
		its = crashes
	}
	number = calls.Add(1)
	c, err = its.Submit(context.Background(), d, order{does, takes, number})
	return c, number, err
}

// forkWatcher is told of each fork, before it and of what it has returned.
type forkWatcher interface {
	forking(d *core.Daemon) (state string)
	forked(d *core.Daemon, before string, h *forker.Handle[int], outlives bool, err error)
	submitted(d *core.Daemon, before string, c *forker.Call[int], number int64, err error)
}

// start forks the children. A fork may be refused, but only where it must be.
func (f Fork) start(d *core.Daemon, w forkWatcher) {
	if f.At == PreExecute && d.Iteration() != f.N {
		return
	}
	for range f.Many {
		before := w.forking(d)
		if f.As == Called {
			c, number, err := Submit(d, f.Does, f.For)
			w.submitted(d, before, c, number, err)
			continue
		}
		var options []forker.Option
		if f.As == Outliving {
			options = append(options, forker.OutliveRestart())
		}
		h, err := Start(d, f.Does, f.For, options...)
		w.forked(d, before, h, f.As == Outliving, err)
	}
}

// limitChildren sets the life's limits.
func (l *Life) limitChildren(d *core.Daemon) {
	group := d.Children()
	group.Timeout, group.Max = l.ChildTimeout, l.MaxChildren
	if l.QueueChildren {
		group.Full = forker.Queue
	}
}
