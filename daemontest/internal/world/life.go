package world

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/network"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker/pidfile"
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
	pid := w.nextPID()
	w.mu.Unlock()
	return w.newProcessAs(m, pid, args, origin)
}

// newProcessAs is newProcess with a number that is known.
func (w *World) newProcessAs(m *Machine, pid int, args []string, origin reexec.Origin) *Generation {
	w.mu.Lock()
	n := len(w.processes)
	p := newProcess(w.time, w.Timeline.Source(pid), pid, args, origin.Kind, w.time.processBlock(n))
	p.atEnd = func(killed bool) {
		w.Locks.end(m.Name, pid, killed)
		if !killed {
			w.checkChildren(p, "ends")
		}
	}
	p.stderr = func(text string) {
		if p.kind != reexec.Respawned && (p.kind != reexec.Detached || !p.hasReported()) { // then it has none any more
			m.Stderr.write(text)
		}
	}
	p.signals.effects.orphaned = p.kind == reexec.Detached || p.kind == reexec.Respawned || w.config.Supervised
	w.processes = append(w.processes, p)
	w.byPID[pid] = p
	w.mu.Unlock()
	return w.newGeneration(p, m.Files, origin)
}

func (w *World) newGeneration(p *Process, files *Files, origin reexec.Origin) *Generation {
	g, err := newGeneration(p, files, origin)
	if err != nil {
		w.Fail("the scenario's temporary folder: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generations = append(w.generations, g)
	return g
}

// live plays a process from its first generation to its end.
func (w *World) live(m *Machine, g *Generation) {
	p := g.process
	defer close(p.ended)
	defer p.finish()
	w.time.sleepUntilLane(p.block, laneLoop)
	for g != nil && g.alive() {
		returned := make(chan struct{})
		go w.run(m, g, returned)
		select {
		case <-returned:
			return
		case <-g.gone:
		}
		g = w.succeed(g)
	}
}

// run runs the program of a generation, which may be cut off at any time. The
// goroutines that it starts are known by its label.
func (w *World) run(m *Machine, g *Generation, returned chan<- struct{}) {
	g.label = newLabel()
	ok := false
	defer close(returned)
	defer func() {
		pid := g.process.pid
		if v := recover(); v != nil {
			w.Fail("PID %d: panic outside of the daemon's own functions: %v\n%s", pid, v, debug.Stack())
		} else if !ok {
			w.Fail("PID %d: runtime.Goexit was called outside of the daemon's own functions: by t.FailNow, t.Fatal or a require in the function that declares it?", pid)
		}
	}()
	g.process.signals.begin(g.origin.Kind == reexec.Restarted || g.origin.Kind == reexec.Respawned)
	g.daemon = w.config.Declare(w.options(m, g)...)
	if c, isOurs := g.daemon.Clock().(*Clock); !isOurs || c.g != g {
		w.Fail("%s", notOfThisWorld)
		g.process.exit(1)
		ok = true
		return
	}
	g.process.daemon.Store(g.daemon)
	g.daemon.Main()
	ok = true
}

// notOfThisWorld is what a daemon is told that would run on the real machine,
// or on an earlier generation's.
const notOfThisWorld = "the daemon that New declares would not run in this world: New must hand the extra options that it is given on to core.New, behind its own and each time that it is called:\n" +
	"\treturn core.New(name, append([]core.Option{…}, extra...)...)"

// execTakes is how long it takes until the next generation begins. Signals
// that come meanwhile find no listener.
const execTakes = 100 * time.Microsecond

// succeed returns the next generation of a process, if there is to be one.
func (w *World) succeed(before *Generation) *Generation {
	p := before.process
	p.mu.Lock()
	next, over := p.next, p.over
	p.next = nil
	p.mu.Unlock()
	if next == nil || over {
		return nil
	}
	g := w.newGeneration(p, before.files, *next)
	sleep(w.time.until(p.block, laneLoop, execTakes))
	if watcher := p.Watcher(); watcher != nil {
		watcher.mu.Lock()
		watcher.suspended = false
		watcher.mu.Unlock()
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
	if w.Network != nil {
		own(g, &h.Hooks)
	}
	return append([]core.Option{core.WithHost(h)}, extra...)
}

// own lets the connections that are dialled in an iteration end with the
// generation.
func own(g *Generation, hooks *host.Hooks) {
	scripted := hooks.Execute
	hooks.Execute = func(execute host.Execute) host.Execute {
		if scripted != nil {
			execute = scripted(execute)
		}
		return func(ctx context.Context) error { return execute(network.OwnedBy(ctx, g.gone)) }
	}
}

// host is what a generation is given of its machine and the world.
func (w *World) host(m *Machine, g *Generation) host.Host {
	clock := newClock(w.time, &m.Wall, g)
	o := &observer{g: g, edges: w.edges, fail: w.Timeline.Fail, ownLane: w.config.OwnExecute}
	resident := func() (now, peak uint64) { return m.Resident.Load(), m.Resident.Load() }
	origin := g.origin
	origin.Dir = g.dir
	return host.Host{
		Clock:   clock,
		Process: reexec.Info{PID: g.process.pid, Executable: executable, Origin: origin},
		Starter: starter{g, &m.Program, func(args []string, origin reexec.Origin) *Process {
			return w.Spawn(m, args, origin)
		}},
		Self: self{
			g, &m.Program, func() { w.checkChildren(g.process, "executes the next program") },
			func() (*Watcher, error) { return w.newWatcher(m, g.process) },
		},
		Children:   processes{w, g},
		PIDFiles:   pidFiles{g, m.Files, pidfile.On(w.pidMachine(g, clock))},
		Replies:    replies{g, m.Replies},
		Signals:    listener{g},
		Files:      logFiles{g, m.Files},
		Spool:      spoolDisk{g, m.Files},
		Supervisor: supervisor{g, &m.Supervisor},
		Stdout:     stream{g, &m.Stdout, timeline.Stdout},
		Stderr:     stream{g, &m.Stderr, timeline.Stderr},
		Args:       g.process.args,
		Records:    records{g, m.Files},
		LookupEnv:  w.variable,
		Name:       m.Name,
		StartOf:    w.startOf,
		User:       func() string { return "tester" },
		Vitals:     func() host.Vitals { return host.Vitals{Heap: 1 << 20, Goroutines: 8, Go: "go"} },
		Resident:   resident,
		OOMKills:   func() (string, int64) { return "/daemons", m.OOMKills.Load() },
		Exit:       g.process.exit,
		Hooks: host.Hooks{
			Locker:     func(l lock.Locker) lock.Locker { return w.Locks.locker(g, clock, l) },
			Sender:     func(s mail.Sender) mail.Sender { return sender{g, w.Mail, s} },
			Checkpoint: g.checkpoint,
			Observe:    o.observe,
		},
	}
}

// variable returns a variable of the environment, which all processes share.
func (w *World) variable(name string) (value string, ok bool) {
	value, ok = w.config.Env[name]
	return value, ok
}

// pidMachine is the processes that PID files name, as a generation sees them.
func (w *World) pidMachine(g *Generation, clock *Clock) pidfile.Machine {
	find := func(pid int) (pidfile.Handle, error) {
		if watcher := w.watcher(pid); watcher != nil {
			return watcherHandle{watching{watcher, g}}, nil
		}
		if !w.Alive(pid) {
			return nil, os.ErrProcessDone
		}
		return handle{w.process(pid), g}, nil
	}
	return pidfile.Machine{Clock: clock, PID: g.process.pid, Find: find}
}

// firstWatcher is the number of the first watcher: others keep theirs.
const firstWatcher = 10_000

// newWatcher starts a watcher of a process, which follows that with these arguments.
func (w *World) newWatcher(m *Machine, p *Process) (*Watcher, error) {
	if refusal := m.watchersRefused(); refusal != nil {
		return nil, refusal
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	watcher := &Watcher{
		pid: firstWatcher + len(w.watchers), ended: make(chan struct{}),
		respawn: func(pid int, state []byte) {
			if w.closing.Load() {
				return
			}
			next := w.newProcessAs(m, pid, p.args, reexec.Origin{Kind: reexec.Respawned, State: state})
			p.mu.Lock()
			p.launched = next.process
			p.mu.Unlock()
			go w.live(m, next)
		},
	}
	w.watchers = append(w.watchers, watcher)
	return watcher, nil
}

// Watchers returns how many watchers were started.
func (w *World) Watchers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.watchers)
}
