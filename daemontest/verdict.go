package daemontest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// judge finds out what was wanted and is not so.
func (r *Result) judge(s Scenario) {
	if len(r.world.sim.Processes()) == 0 {
		return // there is nothing to look at
	}
	for _, e := range s.Want {
		if m := e.of(r); m != nil {
			r.wanted = append(r.wanted, *m)
		}
	}
	if r.world.sim.Cut() {
		return // how it would have gone on is unknown
	}
	r.atStart, r.later = r.unaskedEnds()
	if len(r.atStart) == 0 {
		r.later = append(append(r.later, r.unaskedChildren()...), r.unmet(s)...)
	}
}

// misses returns what is wrong with the scenario that was played: first what
// explains the most.
func (r *Result) misses() []miss {
	all := r.atStart
	if r.died != "" {
		all = append(all, miss{text: r.died})
	}
	for _, text := range r.timeline().Failures() {
		all = append(all, miss{text: text})
	}
	if r.hung {
		return all // there is nothing else to look at
	}
	return append(append(all, r.wanted...), r.later...)
}

// verdictLines bounds the timeline that a failure prints.
const verdictLines = 100

// verdict puts what is wrong into words, with the timeline; empty if nothing is.
func (r *Result) verdict(steps Steps, misses []miss) string {
	if len(misses) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the scenario failed (seed %d):\n", r.Seed)
	for _, m := range misses {
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(strings.TrimRight(m.text, "\n"), "\n", "\n  "))
	}
	b.WriteString(r.notes())
	r.listUnfired(&b, steps)
	b.WriteString("timeline:\n")
	b.WriteString(r.timeline().Report(verdictLines,
		anyOfMisses(misses, func(m miss) func(timeline.Entry) bool { return m.mark }),
		anyOfMisses(misses, func(m miss) func(timeline.Entry) bool { return m.focus })))
	return b.String()
}

// fewSteps is how many of the steps that have not happened are listed.
const fewSteps = 10

// listUnfired lists the steps that have not happened, but those that are told as
// misses already.
func (r *Result) listUnfired(b *strings.Builder, all Steps) {
	var steps []string
	for _, i := range r.world.sim.Unfired() {
		if step := all[i].String(); !strings.Contains(b.String(), strconv.Quote(step)) {
			steps = append(steps, step)
		}
	}
	if len(steps) == 0 {
		return
	}
	b.WriteString("steps that have not happened:\n")
	for _, step := range steps[:min(len(steps), fewSteps)] {
		fmt.Fprintf(b, "  %s\n", step)
	}
	if more := len(steps) - fewSteps; more > 0 {
		fmt.Fprintf(b, "  ... %d more ...\n", more)
	}
}

// anyOfMisses recognises what one of the misses does.
func anyOfMisses(misses []miss, of func(miss) func(timeline.Entry) bool) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool {
		for _, m := range misses {
			if is := of(m); is != nil && is(e) {
				return true
			}
		}
		return false
	}
}

// notes returns what the watchdog has to say of a scenario that did not hang.
func (r *Result) notes() string {
	var b strings.Builder
	if r.hung {
		return "" // it would say the same
	}
	for _, note := range r.world.sim.Notes() {
		fmt.Fprintf(&b, "- note: %s\n", strings.ReplaceAll(note, "\n", "\n  "))
	}
	return b.String()
}
