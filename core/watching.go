package core

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/evertick/evertick/forker/reexec"
)

// errWatcherEnded says that a watcher was there, and has ended.
var errWatcherEnded = errors.New("it has ended")

// watched reports whether the daemon is to have a watcher: where nobody else starts it
// again.
func (d *Daemon) watched() bool { return d.Detached() && !d.set.unwatched && !d.supervised() }

// startWatcher starts a watcher beside the loop, unless there is one. One that the
// program before has started goes on.
func (m *machine) startWatcher() {
	w := &m.watcher
	switch {
	case !m.d.watched():
		if m.inherited != nil { // the program before may have had one
			m.d.host.Self.Unwatch()
		}
		return
	case w.running || w.over:
		return
	}
	w.running = true
	d, self, post := m.d, m.d.host.Self, m.d.queue.post
	program, name := m.d.program(m.args), fmt.Sprintf("%s: watcher of PID %d", m.d.name, m.d.PID())
	program.State = m.toldWatcher()
	go func() {
		process, err := self.Watch(program, name)
		if err != nil {
			post(event{kind: watcherChanged, err: err})
			return
		}
		d.life.change(func(s *lifeState) { s.Watcher, s.WatcherStart = d.watcherStart(process) })
		post(event{kind: watcherChanged, watcher: &process})
		process.Wait()
		post(event{kind: watcherChanged, err: errWatcherEnded})
	}()
}

// onWatcherChanged: a watcher is there or could not be started, it has ended, or the
// pause before the next one is over.
func (m *machine) onWatcherChanged(e event) state {
	w := &m.watcher
	switch {
	case w.over:
	case e.watcher != nil:
		w.process = *e.watcher
		m.tellWatcher()
		if w.missing {
			w.missing = false
			m.d.Logf("PID %d is the watcher now", w.process.PID())
		}
	case e.err == nil:
		m.startWatcher()
	default:
		m.missWatcher(e.err)
	}
	if m.ready && !m.d.reported.Load() {
		m.reportReady()
	}
	return m.state
}

// reportReady tells the launcher that the daemon has started, as soon as it has a watcher
// or none can be started: from then on no death goes unnoticed.
func (m *machine) reportReady() {
	if m.watcher.isStarting() || m.watcher.over {
		return
	}
	m.d.reportStart(reexec.Report{Running: true, Message: m.d.noLogNote()})
	m.d.releaseStderr()
}

// missWatcher lets a watcher be started after a pause, and logs that there is none, once
// for a condition that lasts.
func (m *machine) missWatcher(err error) {
	w := &m.watcher
	what := "no watcher can be started"
	if w.process != nil {
		what = fmt.Sprintf("the watcher, PID %d, is gone", w.process.PID())
	}
	pause := m.backoff(w.ended(m.d.host.Clock.Boot()))
	m.timers.setAfter(watcherAt, pause)
	if !w.missing {
		w.missing = true
		m.d.Logf("Warning: %s: %v. Until there is a new one, nothing starts this daemon again should it be killed. It is tried again in %s", what, err, round(pause))
	}
}

// tellWatcher tells what the next process is to know of this one. A watcher that cannot
// be told is killed by that, and followed by another one.
func (m *machine) tellWatcher() {
	if m.watcher.process != nil {
		_ = m.watcher.process.Tell(m.toldWatcher())
	}
}

func (m *machine) toldWatcher() []byte {
	h := handover{
		Boot: m.d.host.Clock.Boot(), Started: m.d.startedAt, Died: m.d.PID(), Restarts: m.d.history.copy(),
	}
	text, _ := json.Marshal(h) // which has nothing that could fail
	return text
}

// watcherStart returns the number of a watcher, and what StartOf says of it; 0 for none,
// or one that could not be told from a later process.
func (d *Daemon) watcherStart(w reexec.Watching) (pid int, start string) {
	if w == nil || d.host.StartOf == nil {
		return 0, ""
	}
	start, err := d.host.StartOf(w.PID())
	if err != nil || start == "" {
		return 0, ""
	}
	return w.PID(), start
}

// watcherText returns the watcher, for the dump.
func (m *machine) watcherText() string {
	if m.watcher.process == nil {
		return "none yet"
	}
	return fmt.Sprintf("PID %d", m.watcher.process.PID())
}
