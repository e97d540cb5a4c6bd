package core

import (
	"context"
	"errors"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
)

// Children returns the children of the daemon: a task is forked by the daemon
// itself, task.Fork(d, …). Its limits may be set until the daemon runs. Forks
// are refused (forker.ErrClosed) before Setup, and from the moment at which a
// stop or a restart is decided.
//
// A pool's method is called by the daemon, too: method.Call(ctx, d, …). Calls go
// on with the workers that live until teardown begins. What Call.Then is given
// runs in the loop, right before the next Execute and within its time; where
// none follows, before Teardown. A panic in it is logged.
//
// What a child prints and logs is in the daemon's log under the child's PID.
// Teardown begins with the end of all children: they are told together, and
// have half of the shutdown time-out. Before a restart that spares the tasks that
// outlive it (forker.OutliveRestart): the next program has them from its start,
// and they go on when its Setup begins. Where the lock is lost they end, too.
func (d *Daemon) Children() *forker.Group { return &d.children }

// Go runs f in a goroutine, within the same limits as the children: see
// forker.Group.Go. Its error, or its panic, is logged.
func (d *Daemon) Go(f func(ctx context.Context) error, options ...forker.Option) error {
	return d.children.Go(f, options...)
}

var _ forker.Forker = (*Daemon)(nil)

// errNoProcesses is what a host without processes has for every child.
var errNoProcesses = errors.New("this host starts no children: its field Children is nil")

// noProcesses refuses every child.
type noProcesses struct{}

func (noProcesses) Start(forker.Command) (forker.Process, error) { return nil, errNoProcesses }

// wireChildren gives the children the daemon's host, log, alerts and hooks.
func (d *Daemon) wireChildren() {
	g := &d.children
	g.Clock, g.Processes = d.host.Clock, d.host.Children
	if g.Processes == nil {
		g.Processes = noProcesses{}
	}
	g.OnLine = func(i forker.Info, text string) { d.log.PrintAs(i.PID, text) }
	g.OnLog = g.OnLine
	g.OnAlert = func(i forker.Info, text string) {
		d.AlertAs("task "+i.Task, "Task %s (PID %d): %s", i.Task, i.PID, text)
	}
	g.OnFailure = func(_ forker.Info, err error) { d.Logf("Error: %v", err) }
	g.Deliver = d.results.add
	g.OnRecycle = func(i forker.Info, why string) {
		d.tellOfChild(HookInfo{Hook: HookRecycle, Child: i, Cause: why})
	}
	g.OnEarlyDeaths = func(task string, err error) {
		if err != nil {
			d.Alertf("Error: task %s is not started for a while: %v", task, err)
			return
		}
		d.Alertf("Task %s is started again: a child of it lives", task)
	}
	g.OnFork = func(i forker.Info) { d.tellOfChild(HookInfo{Hook: HookFork, Child: i}) }
	g.OnReap = func(i forker.Info, err error) { d.tellOfChild(HookInfo{Hook: HookReap, Child: i, Err: err}) }
}

func (d *Daemon) tellOfChild(h HookInfo) {
	h.Iteration = d.Iteration()
	d.tell(context.Background(), h)
}

// stopChildren ends all children within half of the shutdown time-out, so that
// teardown has the other half. Those that outlive a restart are spared before one.
func (d *Daemon) stopChildren(ctx context.Context, restart bool) {
	limit := d.set.shutdownTimeout / 2
	ctx, cancel := clockwork.WithTimeout(ctx, d.host.Clock, limit)
	defer cancel()
	stop := d.children.Stop
	if restart {
		stop = d.children.StopForRestart
	}
	for _, i := range stop(ctx) {
		switch {
		case i.PID == 0 && i.Worker:
			d.Logf("Error: worker of pool %s does not return from %s: it is left behind", i.Task, i.Doing)
		case i.PID == 0:
			d.Logf("Error: function %s does not return: it is left behind", i.Task)
		case i.Worker:
			d.Logf("Error: child %d (worker of pool %s) has not ended within %s: it was killed", i.PID, i.Task, limit)
		default:
			d.Logf("Error: child %d (task %s) has not ended within %s: it was killed", i.PID, i.Task, limit)
		}
	}
}

// adoptChildren takes over the children that the program before has handed over.
func (d *Daemon) adoptChildren() {
	if d.inherited == nil {
		return
	}
	adopted, err := d.children.Adopt(d.inherited.Children)
	for _, i := range adopted {
		d.Logf("Adopted: child %d (task %s), which runs since %s", i.PID, i.Task, i.Started.Format(time.DateTime))
	}
	if err != nil {
		d.Alertf("Error: %v", err)
	}
}

// stopChildrenBy ends all children within a limit, beside all else: the lock is
// lost, and they must not go on without it.
func (d *Daemon) stopChildrenBy(limit time.Duration) {
	if len(d.children.List()) > 0 {
		go d.endChildren(limit)
	}
}

func (d *Daemon) endChildren(limit time.Duration) {
	ctx, cancel := clockwork.WithTimeout(context.Background(), d.host.Clock, limit)
	defer cancel()
	d.children.Stop(ctx)
}

// killChildren ends what children an end without teardown has left.
func (d *Daemon) killChildren() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d.children.Stop(ctx)
}

// handleResults runs what waits.
func (d *Daemon) handleResults() {
	if !d.results.some.Load() {
		return
	}
	for f := d.results.take(); f != nil; f = d.results.take() {
		d.guard("a function given to Call.Then", func() error {
			f()
			return nil
		})
	}
}
