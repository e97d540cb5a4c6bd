package daemontest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Result is a scenario that has been played.
type Result struct {
	// Seed is the seed that it was played with.
	Seed uint64

	world *World
	met   *met
	// What is wrong: with ends of processes at their start, with what was wanted,
	// and with what nobody has asked for.
	atStart, wanted, later []miss

	died string // what the bubble died of
	hung bool

	settled bool           // the timeline knows which log lines have reached somebody
	note    string         // for the log of the test
	order   int            // how many seeds were played before this one
	about   *world.Process // that the expectations of Of are about; nil: the scenario's own daemon
	asked   asked
}

// asked is which ends of processes the expectations have spoken of so far.
type asked struct {
	ends       map[*world.Process]bool
	children   map[*world.Child]bool
	neverReady bool
}

// speakOf notes that an expectation says how p ends.
func (a *asked) speakOf(p *world.Process) {
	if a.ends == nil {
		a.ends = map[*world.Process]bool{}
	}
	a.ends[p] = true
}

// speakOfChild is the same for a child.
func (a *asked) speakOfChild(c *world.Child) {
	if a.children == nil {
		a.children = map[*world.Child]bool{}
	}
	a.children[c] = true
}

// add notes what was noted elsewhere.
func (a *asked) add(more asked) {
	for p := range more.ends {
		a.speakOf(p)
	}
	for c := range more.children {
		a.speakOfChild(c)
	}
	a.neverReady = a.neverReady || more.neverReady
}

// daemon returns the process that expectations are about.
func (r *Result) daemon() *world.Process {
	if r.about != nil {
		return r.about
	}
	return r.world.sim.Main()
}

// World returns the world as the scenario left it.
func (r *Result) World() *World { return r.world }

func (r *Result) timeline() *timeline.Timeline {
	tl := r.world.sim.Timeline
	if !r.settled && !r.hung {
		r.settled = true
		tl.Settle(r.written)
	}
	return tl
}

// written reports whether a message that had reached nobody when it was logged
// has come to its file later, or to the standard output of a launcher.
func (r *Result) written(path string, e timeline.Entry) bool {
	if path != "" {
		if content, _ := r.world.File(path); hasLine(content, e) {
			return true
		}
	}
	return hasLine(r.world.Stdout(), e) || hasLine(r.world.Stderr(), e)
}

// hasLine reports whether the process of a message has written its first line.
func hasLine(content string, e timeline.Entry) bool {
	text, _, _ := strings.Cut(e.Text, "\n")
	plain := fmt.Sprintf("] %d %s", e.PID, text)
	pid, msg := fmt.Sprintf(`"pid":%d`, e.PID), `"msg":`+strings.TrimSuffix(strconv.Quote(text), `"`)
	for line := range strings.Lines(content) {
		if strings.Contains(line, plain) || strings.Contains(line, pid) && strings.Contains(line, msg) {
			return true
		}
	}
	return false
}

// Timeline returns what happened, line by line.
func (r *Result) Timeline() string {
	var b strings.Builder
	r.timeline().Write(&b, nil)
	return b.String()
}

// Transitions returns the edges of the lifecycle's table that the scenario's
// daemons took, each once, in the table's order.
func (r *Result) Transitions() []core.Transition { return r.world.sim.Taken() }

// Notified returns the states that the supervisor has received, in their order.
func (r *Result) Notified() []string { return r.world.sim.Machine.Supervisor.Notified() }

// Starts returns the times at which iterations started, since the scenario's
// own start.
func (r *Result) Starts() []time.Duration {
	var starts []time.Duration
	r.timeline().Each(func(e timeline.Entry) {
		if isExecute(e) {
			starts = append(starts, e.At)
		}
	})
	return starts
}

// LoggedAt returns the times at which messages that contain text were logged, by
// whatever process, since the scenario's own start.
func (r *Result) LoggedAt(text string) []time.Duration {
	var times []time.Duration
	is := logs(text)
	r.timeline().Each(func(e timeline.Entry) {
		if is(e) {
			times = append(times, e.At)
		}
	})
	return times
}

func isExecute(e timeline.Entry) bool { return e.Kind == timeline.Execute }

func isFork(e timeline.Entry) bool { return e.Kind == timeline.Fork }

func isLog(e timeline.Entry) bool { return e.Kind == timeline.Log }

// logs recognises the log messages that contain text, whether or not they have
// reached anybody.
func logs(text string) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool { return isLog(e) && strings.Contains(e.Text, text) }
}

// Ended returns when the scenario's own daemon ended, since the scenario's
// start.
func (r *Result) Ended() time.Duration { return r.world.sim.Main().EndedAt() }

// endOf recognises the end of a process.
func endOf(pid int) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool { return e.Kind == timeline.End && e.PID == pid }
}

// fingerprint returns all that must be the same when the scenario is played
// again.
func (r *Result) fingerprint() string {
	failures := strings.Join(r.timeline().Failures(), "\n")
	return strings.Join([]string{r.Timeline(), timeline.WithoutStacks(failures), timeline.WithoutStacks(r.died)}, "\n")
}
