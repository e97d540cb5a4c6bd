package explore

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/forker"
)

// childDeeds are what children do.
var childDeeds = []Deed{Takes, Sleeps, Hangs, Fails, Panics, Crashes}

// order is the argument of the tasks.
type order struct {
	Does Deed
	For  time.Duration
}

// The tasks of lives. Those of the second one crash: see Children.
var (
	task = forker.NewTask("explore", func(ctx context.Context, _ *forker.Child, o order) (int, error) {
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
	})

	crash = forker.NewTask("explore/crash", func(context.Context, *forker.Child, order) (int, error) { return 0, nil })
)

// Children is what a scenario's children do beside the functions of their tasks.
func Children() map[string]daemontest.ChildScript {
	return map[string]daemontest.ChildScript{"explore/crash": daemontest.Child().Crashes(syscall.SIGSEGV).Maybe()}
}

// Start forks a child that does the deed.
func Start(d *core.Daemon, does Deed, takes time.Duration) (*forker.Handle[int], error) {
	its := task
	if does == Crashes {
		its = crash
	}
	return its.Fork(d, order{does, takes})
}

// forkWatcher is told of each fork, before it and of what it has returned.
type forkWatcher interface {
	forking(d *core.Daemon) (state string)
	forked(d *core.Daemon, before string, h *forker.Handle[int], err error)
}

// start forks the children. A fork may be refused, but only where it must be.
func (f Fork) start(d *core.Daemon, w forkWatcher) {
	if f.At == PreExecute && d.Iteration() != f.N {
		return
	}
	for range f.Many {
		before := w.forking(d)
		h, err := Start(d, f.Does, f.For)
		w.forked(d, before, h, err)
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
