package explore

import (
	"context"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/daemontest/internal/world"
)

var _ daemontest.Watcher = (*watcher)(nil)

// Begin is part of daemontest.Watcher, as is Program.
func (w *watcher) Begin(sim *world.World) { w.sim = sim }

func (w *watcher) Program(g *world.Generation, hooks *host.Hooks) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.process(g.PID())
	prog := &program{Generation: g, started: g.Now(), busy: -1, owned: -1}
	if n := len(p.programs); n > 0 {
		before := p.programs[n-1]
		prog.owned, prog.lost = before.owned, before.lost
		w.checkTornDown(p, before)
		w.checkTimeout(p, before)
	}
	p.inARow, p.state = 0, "checking"
	p.programs = append(p.programs, prog)
	observe, execute := hooks.Observe, hooks.Execute
	hooks.Observe = func(o host.Observation) {
		w.observe(p, prog, o)
		observe(o)
	}
	hooks.Execute = func(declared host.Execute) host.Execute {
		inner := execute(declared)
		return func(ctx context.Context) error {
			w.enter(p, prog)
			defer w.leave(prog)
			return inner(ctx)
		}
	}
}

// setOrTorn is for Life.declare: one of the life's own stages was set up, or
// torn down.
func (w *watcher) setOrTorn(d *core.Daemon, set bool, stage int) {
	g := generation(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, prog := range w.process(g.PID()).programs {
		switch {
		case prog.Generation != g || !g.Alive():
		case set:
			if prog.setUps[stage]++; prog.setUps[stage] > prog.torn[stage]+1 && !w.process(g.PID()).says(withoutTeardown...) {
				w.violated(g.PID(), "a stage is set up twice")
			}
		default:
			if prog.torn[stage]++; prog.torn[stage] > prog.setUps[stage] {
				w.violated(g.PID(), "a stage is torn down that is not set up")
			}
		}
	}
}

func (w *watcher) observe(p *process, prog *program, o host.Observation) {
	if !prog.Alive() {
		return
	}
	var missed int64
	if o.Kind == host.Begun {
		missed = prog.Daemon().Stats().Missed // looks at the clock, which may wait for SIGCONT
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.sim.Now()
	switch o.Kind {
	case host.Handled:
		p.handled, p.state = true, o.To
		w.cells[[2]string{o.From, o.Event}]++
		w.handled(p, prog, o, now)
	case host.Begun:
		w.lastBegun = now
		w.checkLock(p, prog, now)
		w.checkTicks(p, now, missed)
		w.checkTimeout(p, prog)
		prog.busy = now
	case host.Ended:
		switch {
		case o.Err == nil:
			p.inARow = 0
		case p.inARow >= 0:
			p.inARow++
		}
	case host.Logged:
		if !p.exited && o.PID == p.pid { // what a leftover goroutine says then, nobody would see
			p.logs = append(p.logs, logged{now, o.Text})
			w.checkLog(p, prog, o.Text)
		}
	case host.Alerted:
		p.alerts++
	case host.Exiting:
		p.exited, p.code = true, o.Code
		w.checkChildren(p)
		w.checkTornDown(p, prog)
	default:
	}
}

// handled notes that the daemon has handled an event.
func (w *watcher) handled(p *process, prog *program, o host.Observation, now time.Duration) {
	switch o.Event {
	case "restart asked":
		p.restarts = append(p.restarts, now)
	case "set up":
		if o.To == "sleeping" && p.ready == 0 {
			p.ready = now
		}
		if o.To == "sleeping" && !p.ticks.known { // the grid begins
			p.ticks.known, p.ticks.first = true, now
		}
	case "executed":
		w.checkTimeout(p, prog)
		prog.busy = -1
		if o.From == "draining" && p.inARow > 0 {
			p.inARow = -1 // whether a failure counts that nobody waits for is left open
		}
	}
}

// enter checks that no other Execute runs.
func (w *watcher) enter(p *process, prog *program) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !prog.Alive() {
		return
	}
	if prog.running > 0 {
		w.violated(p.pid, "two iterations run at once in this process")
	}
	prog.running++
	if w.life.Lock == NoLock || prog.owned != w.tampered {
		return // checkLock says how long it may go on
	}
	for _, other := range w.processes {
		if other == p || other.stopped || w.sim.Now()-other.resumed < grace+time.Second {
			continue
		}
		if n := len(other.programs); n > 0 {
			if rival := other.programs[n-1]; rival.Alive() && rival.running > 0 && rival.owned == w.tampered {
				w.violated(p.pid, "executes while PID %d does", other.pid)
			}
		}
	}
}

// leave notes that an Execute has returned.
func (w *watcher) leave(prog *program) {
	w.mu.Lock()
	defer w.mu.Unlock()
	prog.running--
}

// step notes a step that is about to be done.
func (w *watcher) step(s Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch p := w.process(w.sim.Main().PID()); s.Does {
	case Halt:
		p.stopped = true
	case Cont:
		w.resume(p)
	case LockFreed, LockStolen:
		w.tamper()
	case LockClock:
		if s.For > 0 { // the lease ends before its holder can know
			w.tamper()
		}
	case Suspended: // nobody could stop meanwhile
		for _, p := range w.processes {
			p.resumed = w.sim.Now()
		}
	case Kill, Crash:
		if w.sim.Main().Alive() {
			p.guarded = w.guarded(p)
		}
	case KillWatcher, NoWatchers, WatchersBack:
		w.unguarded = w.sim.Now()
		w.refused = s.Does == NoWatchers || w.refused && s.Does == KillWatcher
	case Term, Int, Usr1, Hup:
		p.signals = append(p.signals, signalled{w.sim.Now(), s.Does, p.stopped})
		if s.Does == Hup && p.handled && !p.stopped {
			p.restarts = append(p.restarts, w.sim.Now())
		}
	default:
	}
}

func (w *watcher) resume(p *process) {
	if p.stopped {
		p.stopped, p.resumed = false, w.sim.Now()
	}
}

// tamper notes that the lock is about to be freed or stolen.
func (w *watcher) tamper() {
	holder := w.holder()
	for _, p := range w.processes {
		for _, prog := range p.programs {
			if p.pid == holder && prog.Alive() {
				prog.owned = w.tampered
			}
			if prog.owned == w.tampered {
				prog.lost = w.sim.Now()
			}
		}
	}
	w.tampered++
}
