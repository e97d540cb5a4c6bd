package world

import (
	"runtime/debug"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// Spawn starts a process on a machine. It begins in its own lane.
func (w *World) Spawn(m *Machine, args []string, origin reexec.Origin) *Process {
	g := w.newProcess(m, args, origin)
	go w.live(m, g)
	return g.process
}

// newProcess returns the first generation of a process that does not run yet.
func (w *World) newProcess(m *Machine, args []string, origin reexec.Origin) *Generation {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.processes)
	pid := FirstPID + n
	p := newProcess(w.time, w.Timeline.Source(pid), pid, args, origin.Kind, w.time.processBlock(n))
	p.atEnd = func(killed bool) {
		w.Locks.end(m.Name, pid, killed)
		m.PIDFiles.freeAll(p)
	}
	w.processes = append(w.processes, p)
	return newGeneration(p, origin)
}

// live plays a process from its first generation to its end.
func (w *World) live(m *Machine, g *Generation) {
	p, returned := g.process, false
	defer close(p.ended)
	defer p.finish()
	defer func() {
		if v := recover(); v != nil {
			w.Fail("PID %d: panic outside of the daemon's own functions: %v\n%s", p.pid, v, debug.Stack())
		} else if !returned {
			w.Fail("PID %d: runtime.Goexit was called outside of the daemon's own functions: by t.FailNow, t.Fatal or a require in the function that declares it?", p.pid)
		}
	}()
	w.time.sleepUntilLane(p.block, laneLoop)
	for ; g != nil && g.alive(); g = w.succeed(p) {
		g.daemon = w.config.Declare(w.options(m, g)...)
		p.daemon.Store(g.daemon)
		g.daemon.Main()
	}
	returned = true
}

// execTakes is how long it takes until the next generation begins. Signals
// that come meanwhile find no listener.
const execTakes = 100 * time.Microsecond

// succeed returns the next generation of a process, if there is to be one.
func (w *World) succeed(p *Process) *Generation {
	p.mu.Lock()
	next, over := p.next, p.over
	p.next = nil
	var g *Generation
	if next != nil && !over {
		g = newGeneration(p, *next)
	}
	p.mu.Unlock()
	if g != nil {
		sleep(w.time.until(p.block, laneLoop, execTakes))
	}
	return g
}

// options puts a daemon onto its generation's host.
func (w *World) options(m *Machine, g *Generation) []core.Option {
	h := w.host(m, g)
	var extra []core.Option
	if w.config.Extend != nil {
		extra = w.config.Extend(g, &h.Hooks)
	}
	return append([]core.Option{core.WithHost(h)}, extra...)
}

// host is what a generation is given of its machine and the world.
func (w *World) host(m *Machine, g *Generation) host.Host {
	o := &observer{g: g, edges: w.edges, fail: w.Timeline.Fail, ownLane: w.config.OwnExecute}
	resident := func() (now, peak uint64) { return m.Resident.Load(), m.Resident.Load() }
	origin := g.origin
	origin.Dir = Dir
	return host.Host{
		Clock:   newClock(w.time, &m.Wall, g),
		Process: reexec.Info{PID: g.process.pid, Executable: executable, Origin: origin},
		Starter: starter{g, &m.Program, func(args []string, origin reexec.Origin) *Process {
			return w.Spawn(m, args, origin)
		}},
		Self:       self{g, &m.Program},
		PIDFiles:   pidFiles{g, m.PIDFiles},
		Replies:    replies{g, m.Replies},
		Signals:    listener{g},
		Files:      logFiles{g, m.Files},
		Supervisor: supervisor{g, &m.Supervisor},
		Stdout:     stream{g, &m.Stdout},
		Stderr:     stream{g, &m.Stderr},
		Args:       g.process.args,
		Name:       m.Name,
		User:       func() string { return "tester" },
		Vitals:     func() host.Vitals { return host.Vitals{Heap: 1 << 20, Goroutines: 8, Go: "go"} },
		Resident:   resident,
		Exit:       g.process.exit,
		Hooks: host.Hooks{
			Locker:     func(l lock.Locker) lock.Locker { return w.Locks.locker(g, l) },
			Sender:     func(s mail.Sender) mail.Sender { return sender{g, w.Mail, s} },
			Checkpoint: g.checkpoint,
			Observe:    o.observe,
		},
	}
}
