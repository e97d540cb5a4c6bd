package explore

import "time"

// watcherBound is how long a ready daemon may be without a watcher: the pause before
// the next one, and its start.
const watcherBound = maxBackoff + 100*time.Millisecond

// guarded reports whether the process must have a watcher. The mutex is held.
func (w *watcher) guarded(p *process) bool {
	since := max(p.ready, p.resumed, w.unguarded)
	return w.life.watched() && p.ready > 0 && w.sim.Now()-since > watcherBound && !w.refused && !p.stopped && !p.says("Shutting Down: ")
}

// checkWatchers checks, some time after the last fault, that each daemon that goes on
// has a watcher.
func (w *watcher) checkWatchers() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sim := range w.sim.Processes() {
		p := w.process(sim.PID())
		if its := sim.Watcher(); p.handled && sim.Alive() && w.guarded(p) && (its == nil || !its.Alive()) {
			w.violated(p.pid, "it has no watcher")
		}
	}
}

// judgeWatchers checks that the death of a process was followed by its watcher, and
// nothing else was, and that no watcher is left.
func (w *watcher) judgeWatchers(ends map[int]time.Duration, complain func(int, string, ...any)) {
	for _, sim := range w.sim.Processes() {
		p, its := w.process(sim.PID()), sim.Watcher()
		end, over := ends[p.pid]
		switch {
		case !p.handled || !over:
		case its != nil && its.Alive():
			complain(p.pid, "its watcher is left")
		case !w.life.watched() && its != nil:
			complain(p.pid, "it has a watcher, and is to have none")
		case sim.Followed() && (!w.died(sim) || p.says("Shutting Down: ")):
			complain(p.pid, "it has ended by itself, and is followed by another one")
		case w.died(sim) && p.guarded && !sim.Followed() && (w.unguarded < end || !w.life.does(HaltWatcher)): // one that was stopped may have been killed later
			complain(p.pid, "it has died at %s, and nothing follows", end)
		}
	}
}
