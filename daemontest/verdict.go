package daemontest

import (
	"fmt"
	"strings"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// misses returns what is wrong with a scenario that wanted this.
func (r *Result) misses(want Want) []miss {
	var all []miss
	if r.died != "" {
		all = append(all, miss{text: r.died})
	}
	for _, text := range r.timeline().Failures() {
		all = append(all, miss{text: text})
	}
	if r.hung || len(r.world.sim.Processes()) == 0 {
		return all // there is nothing to look at
	}
	for _, e := range want {
		if m := e.of(r); m != nil {
			all = append(all, *m)
		}
	}
	return all
}

// verdictLines bounds the timeline that a failure prints: so many lines from
// its start, as many from its end, and those that are marked.
const verdictLines = 60

// verdict puts what is wrong into words, with the timeline; empty if nothing is.
func (r *Result) verdict(misses []miss) string {
	if len(misses) == 0 {
		return ""
	}
	var b, lines strings.Builder
	fmt.Fprintf(&b, "the scenario failed (seed %d):\n", r.Seed)
	for _, m := range misses {
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(strings.TrimRight(m.text, "\n"), "\n", "\n  "))
	}
	r.timeline().Write(&lines, func(e timeline.Entry) bool {
		for _, m := range misses {
			if m.mark != nil && m.mark(e) {
				return true
			}
		}
		return false
	})
	b.WriteString("timeline:\n")
	b.WriteString(timeline.Abridge(lines.String(), verdictLines))
	return b.String()
}
