package world

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

// errGone is what the calls of a generation return that is no more. No caller
// acts on it.
var errGone = errors.New("the process is no more")

// Generation is the program of a process between two execs: the daemon, built
// by a declaration of its own, on a host of its own. Its methods are for the
// functions that a daemon runs.
type Generation struct {
	presence
	process *Process
	time    *worldTime // the process's
	origin  reexec.Origin
	daemon  *core.Daemon

	settled int64       // when the loop was let go on last, as signals.last
	work    *time.Timer // of Work
}

func newGeneration(p *Process, origin reexec.Origin) *Generation {
	g := &Generation{presence: presence{gone: make(chan struct{})}, process: p, time: p.time, origin: origin}
	p.present.Store(&g.presence)
	return g
}

// Daemon returns the daemon of the generation.
func (g *Generation) Daemon() *core.Daemon { return g.daemon }

// alive reports whether what the generation does has an effect.
func (g *Generation) alive() bool { return !g.over.Load() && !g.time.abandoned.Load() }

// awake waits as long as the process is stopped, and reports whether the
// generation is still there. Those that waited go on one after the other, in
// the order in which they came.
func (g *Generation) awake() bool {
	s := g.process.signals
	for s.stopped.Load() && g.alive() {
		resumed, rank := s.stop()
		if resumed == nil {
			break
		}
		select {
		case <-resumed:
			sleep(g.time.until(g.process.block, laneResumed, 0) + time.Duration(rank)*quantum)
		case <-g.gone:
		}
	}
	return g.alive()
}

// arrive lets what another process has done arrive in this one's lane.
func (g *Generation) arrive() { g.time.sleepUntilLane(g.process.block, laneArrival) }

// wait is for a lane of the process, d from now. It ends with ctx, whose cause
// it then returns, and with the generation.
func (g *Generation) wait(ctx context.Context, sub int, d time.Duration) error {
	t := after(g.time.until(g.process.block, sub, d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		g.time.sleepUntilLane(g.process.block, sub)
	case <-g.gone:
		return errGone
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !g.awake() {
		return errGone
	}
	return nil
}

// Work takes d of the world's time, as a scripted Execute does, and ends early
// with ctx, whose cause it then returns. One goroutine at a time may call it.
func (g *Generation) Work(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	wait := g.time.within(g.process.block, laneScript, d)
	if g.work == nil {
		g.work = after(wait)
	} else {
		g.work.Reset(wait)
	}
	select {
	case <-g.work.C:
	case <-ctx.Done():
		g.time.sleepUntilLane(g.process.block, laneScript)
		g.awake()
		return context.Cause(ctx)
	}
	if !g.awake() {
		return errGone
	}
	return nil
}

// Hang returns only when the generation is no more.
func (g *Generation) Hang() error {
	<-g.gone
	return errGone
}

// checkpoint is where the loop of a stopped process waits, and a killed one
// ends.
func (g *Generation) checkpoint() bool {
	alive := g.awake()
	if last := g.process.signals.last.Load(); last != 0 && alive {
		g.settle(last)
		alive = g.alive()
	}
	return alive
}

// settle slows the loop down after signals have come: it waits until all that
// came together are there, and then handles one event in a quantum, so that
// what the one sets going in other goroutines has its turn before the next.
func (g *Generation) settle(last int64) {
	block := g.process.block
	switch now := int64(g.time.now()) + 1; now {
	case g.settled:
		g.time.sleepUntilLane(block, laneLoop)
		g.settled = int64(g.time.now()) + 1
	case last:
		g.time.sleepWithinQuantum(block, laneLoop)
		g.settled = now
	default: // time has moved on by itself
		g.process.signals.last.CompareAndSwap(last, 0)
	}
}

// listener is how a generation listens for signals.
type listener struct{ g *Generation }

var _ signals.Listener = listener{}

func (l listener) Listen(sigs []os.Signal, deliver func(os.Signal)) {
	if l.g.alive() {
		l.g.process.signals.listen(sigs, deliver)
	}
}

func (l listener) Quiesce(ignore ...os.Signal) {
	if l.g.alive() {
		l.g.process.signals.quiesce(ignore)
	}
}
