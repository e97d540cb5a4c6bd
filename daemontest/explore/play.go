package explore

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

// Outcome is what a life has shown.
type Outcome struct {
	// Wrong is what must not be; empty if all is well.
	Wrong []string

	// Cells counts the events that daemons handled, by state and event.
	Cells Cells

	// Timeline is what happened, line by line.
	Timeline string
}

// reportLines bounds the timeline of an outcome.
const reportLines = 150

// Play plays a life in a bubble and judges it. It must be called outside of a
// bubble.
func Play(t *testing.T, l Life) Outcome {
	w := newWatcher(&l)
	played := daemontest.Play(t, l.declare(w.setOrTorn, w, w.reaped), l.scenario(w), w)
	defer played.Sim.Remove()
	return Outcome{Wrong: w.judge(played), Cells: w.cells, Timeline: played.Sim.Timeline.Report(reportLines, nil, nil)}
}

// scenario returns the life as daemontest plays it.
func (l *Life) scenario(w *watcher) daemontest.Scenario {
	s := daemontest.Scenario{
		Args: l.args(), Execute: l.script(), Supervised: l.Supervised, Seed: l.Seed, Children: Children(),
		Limit: l.end() + l.stopBound() + time.Second,
	}
	for _, step := range append(l.Steps[:len(l.Steps):len(l.Steps)], l.mends()...) {
		played := daemontest.At(step.At, daemontest.Do(step.name(), func(sim *daemontest.World) {
			w.step(step)
			sim.Do(l.action(step))
		}))
		if step.Any {
			played = played.AnyOrder()
		}
		s.Steps = append(s.Steps, played)
	}
	for at := l.calm() + calmFor; at < l.end(); at += calmFor {
		s.Steps = append(s.Steps, daemontest.At(at, daemontest.Do("well so far?", func(*daemontest.World) {
			w.checkWatchers()
			if w.well() {
				w.stopAll()
			}
		})))
	}
	s.Steps = append(s.Steps, daemontest.At(l.end(), daemontest.Do("end", func(*daemontest.World) { w.stopAll() })))
	return s
}

// calmFor is how long a daemon is watched after the last fault, at least, and
// then from one look to the next.
const calmFor = 12 * time.Second

// well reports whether there is nothing left to wait for: a daemon executes, and
// every restart that was asked for was answered.
func (w *watcher) well() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.sim.Now()
	for _, p := range w.processes {
		for _, asked := range p.restarts {
			if !p.exited && !p.answered(asked, now) {
				return false
			}
		}
	}
	return w.lastBegun > now-w.life.Interval-2*time.Second
}

// stopAll stops every daemon.
func (w *watcher) stopAll() {
	for _, p := range w.sim.Processes() {
		if p.IsDaemon() {
			w.mu.Lock()
			stopped := w.process(p.PID()).stopped
			w.resume(w.process(p.PID()))
			w.mu.Unlock()
			if stopped {
				_ = p.Signal(syscall.SIGCONT)
			}
			_ = p.Signal(syscall.SIGTERM)
		}
	}
}

// Report puts the outcome of a life into words: what is wrong, the timeline, the
// life as Go source, and the line that replays it.
func (o Outcome) Report(l Life) string {
	var b strings.Builder
	for _, text := range o.Wrong {
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  "))
	}
	fmt.Fprintf(&b, "timeline:\n%s\nas a test:\n%s\nonce more:\n\texplore.Replay(t, `%s`)\n", o.Timeline, Source(l), l)
	return b.String()
}

// Replay plays the life that a failure has printed, and fails as it did.
func Replay(t *testing.T, text string) {
	t.Helper()
	l, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if o := Play(t, l); len(o.Wrong) > 0 {
		t.Error(o.Report(l))
	}
}
