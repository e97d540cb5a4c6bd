package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
	files   *Files     // its machine's
	origin  reexec.Origin
	daemon  *core.Daemon

	settled int64       // when the loop was let go on last, as signals.last
	work    *time.Timer // of Work
}

// newGeneration makes the next generation of a process, which becomes its
// present one. Where the error is not nil, the generation's files are missing.
func newGeneration(p *Process, files *Files, origin reexec.Origin) (g *Generation, err error) {
	g = &Generation{process: p, time: p.time, files: files, origin: origin}
	g.number, g.gone = 1, make(chan struct{})
	if before := p.present.Load(); before != nil {
		g.number = before.number + 1
		before.locked.exec(&g.locked)
	}
	g.dir, err = files.link(fmt.Sprintf("%d.%d", p.pid, g.number))
	p.present.Store(&g.presence)
	return g, err
}

// freeze returns when the scenario is judged. What was killed or replaced waits
// here, as if exec or the kernel had swept it away: no deferred function of it
// runs before.
func (g *Generation) freeze() error {
	<-g.time.judged
	return errGone
}

// path returns the real path of a file that the generation names: its own link
// leads to what is in Dir.
func (g *Generation) path(name string) string {
	switch {
	case strings.HasPrefix(name, filepath.Dir(g.dir)+"/"):
		return name
	case !filepath.IsAbs(name):
		return filepath.Join(g.dir, name)
	}
	daemon := ""
	if g.daemon != nil {
		daemon = g.daemon.Name()
	}
	g.files.install(daemon)
	return g.files.real(name)
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
		resumed, rank := s.await()
		if resumed == nil {
			break
		}
		select {
		case <-resumed:
			sleep(g.time.until(g.process.block, laneResumed, 0) + time.Duration(rank)*g.time.quantum)
		case <-g.gone:
		}
	}
	return g.alive()
}

// arrive lets what another process has done arrive in this one's lane.
func (g *Generation) arrive() { g.time.sleepUntilLane(g.process.block, laneArrival) }

// wait is for a lane of the process, d from now. It ends with ctx, whose cause
// it then returns.
func (g *Generation) wait(ctx context.Context, sub int, d time.Duration) error {
	t := after(g.time.until(g.process.block, sub, d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		g.time.sleepUntilLane(g.process.block, sub)
	case <-g.gone:
	}
	if !g.awake() {
		return g.freeze()
	}
	return context.Cause(ctx)
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
	}
	if !g.awake() {
		return g.freeze()
	}
	return context.Cause(ctx)
}

// Hang never returns before the scenario is judged.
func (g *Generation) Hang() error { return g.freeze() }

// checkpoint is where the loop of a stopped process waits, and that of one that
// is no more for the end of the scenario.
func (g *Generation) checkpoint() bool {
	alive := g.awake()
	if !alive {
		_ = g.freeze()
	}
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
	if l.g.awake() {
		l.g.process.signals.listen(sigs, deliver)
	}
}

// Kept returns none: here nobody starts a process with ignored signals.
func (l listener) Kept() []syscall.Signal { return nil }

func (l listener) Quiesce(ignore ...os.Signal) {
	if l.g.awake() {
		l.g.process.signals.quiesce(ignore)
	}
}

// PID returns the number of the generation's process.
func (g *Generation) PID() int { return g.process.pid }

// Alive reports whether what the generation does still has an effect: not when
// its process has ended or has executed the next program.
func (g *Generation) Alive() bool { return g.alive() }

// Now returns the time since the scenario's start.
func (g *Generation) Now() time.Duration { return g.time.now() }
