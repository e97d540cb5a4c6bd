package daemontest

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/core"
)

// Result is a scenario that has been played.
type Result struct {
	// Seed is the seed that it was played with.
	Seed uint64

	scenario *Scenario
	world    *World
	misses   []miss
	hung     bool
	died     string // what the bubble ended with
}

// miss is something wanted that is not so.
type miss struct {
	text string
	mark func(entry) bool // the lines of the timeline to look at
}

// World is the world as the scenario left it.
func (r *Result) World() *World { return r.world }

// Timeline is what happened, line by line.
func (r *Result) Timeline() string {
	var b bytes.Buffer
	r.world.trace.write(&b, nil)
	return b.String()
}

// Transitions are the edges of the lifecycle's table that the scenario's
// daemons went along, each once, in the table's order.
func (r *Result) Transitions() []core.Transition {
	var seen []core.Transition
	for _, m := range core.Lifecycle() {
		if r.world.trace.moves[m.From][m.Event].Load()&(1<<m.To) != 0 {
			seen = append(seen, m)
		}
	}
	return seen
}

// Starts are the times at which iterations started, since the scenario's own
// start.
func (r *Result) Starts() []time.Duration {
	var starts []time.Duration
	r.count(func(e entry) bool {
		if isExecute(e) {
			starts = append(starts, e.at)
		}
		return false
	})
	return starts
}

// Ended is when the scenario's daemon ended, since the scenario's start.
func (r *Result) Ended() (at time.Duration) {
	p := r.world.main()
	r.count(func(e entry) bool {
		if e.kind == entryEnd && e.p == p {
			at = e.at
		}
		return false
	})
	return at
}

// script is all that must be the same when the scenario is played again.
func (r *Result) script() string {
	t := r.world.trace
	t.mu.Lock()
	failures := strings.Join(t.failures, "\n")
	t.mu.Unlock()
	return strings.Join([]string{r.Timeline(), withoutStacks(failures), withoutStacks(r.died)}, "\n")
}

// judge gathers what is wrong.
func (r *Result) judge() {
	if r.died != "" {
		r.misses = append(r.misses, miss{text: r.died})
	}
	r.world.trace.mu.Lock()
	for _, text := range r.world.trace.failures {
		r.misses = append(r.misses, miss{text: text})
	}
	r.world.trace.mu.Unlock()
	if r.hung || len(r.world.all()) == 0 {
		return // there is nothing to look at
	}
	for _, e := range r.scenario.Want {
		if m := e.of(r); m != nil {
			r.misses = append(r.misses, *m)
		}
	}
}

// verdictLines bounds the timeline that a failure prints: so many lines from
// its start, as many from its end, and those that are marked.
const verdictLines = 60

func (r *Result) verdict() string {
	if len(r.misses) == 0 {
		return ""
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "the scenario failed (seed %d):\n", r.Seed)
	for _, m := range r.misses {
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(strings.TrimRight(m.text, "\n"), "\n", "\n  "))
	}
	var lines bytes.Buffer
	r.world.trace.write(&lines, func(e entry) bool {
		for _, m := range r.misses {
			if m.mark != nil && m.mark(e) {
				return true
			}
		}
		return false
	})
	b.WriteString("timeline:\n")
	b.WriteString(abridge(lines.String()))
	return b.String()
}

func abridge(text string) string {
	lines := strings.SplitAfter(text, "\n")
	if len(lines) <= 2*verdictLines {
		return text
	}
	var b strings.Builder
	left := 0
	for i, l := range lines {
		if i >= verdictLines && i < len(lines)-verdictLines && !strings.HasPrefix(l, ">") {
			left++
			continue
		}
		if left > 0 {
			fmt.Fprintf(&b, "  ... %d lines ...\n", left)
			left = 0
		}
		b.WriteString(l)
	}
	return b.String()
}
