package daemontest

import (
	"fmt"
	"testing"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Run plays a scenario with the daemon that declare declares, and reports to t
// everything wanted that is not so, with the timeline. The daemon is the real
// one: its command line, loop, restart and lock code run in a testing/synctest
// bubble, on a world of fakes, and whatever it sleeps takes no time.
//
// Execute and all else that the daemon calls runs in the bubble, too: its
// time.Sleep and its timeouts obey the same clock, but it must not wait for
// the world outside, such as a network connection or a child process. A
// scenario that hangs on one is reported after some seconds, with the
// goroutine to blame.
func Run(t *testing.T, declare NewFunc, s Scenario) *Result {
	t.Helper()
	r, verdict := examine(t, declare, s)
	if verdict != "" {
		t.Error(verdict)
	}
	return r
}

// examine is Run without the report: an empty verdict means that all is well.
func examine(t *testing.T, declare NewFunc, s Scenario) (r *Result, verdict string) {
	seed := s.Seed
	if seed == 0 {
		seed = *seedFlag
	}
	for i := range max(s.Orders, 1) {
		r = s.play(t, declare, seed+uint64(i))
		misses := r.misses(s.Want)
		if !r.hung {
			misses = append(misses, checkDeterminism(t, declare, s, r)...)
		}
		if verdict = r.verdict(misses); verdict != "" {
			break
		}
	}
	return r, verdict
}

// checkDeterminism plays the scenario again and compares, if asked to.
func checkDeterminism(t *testing.T, declare NewFunc, s Scenario, r *Result) []miss {
	if *checkFlag < 2 {
		return nil
	}
	first := r.fingerprint()
	for range *checkFlag - 1 {
		again := s.play(t, declare, r.Seed)
		if text := again.fingerprint(); text != first {
			return []miss{{text: fmt.Sprintf(
				"not deterministic: played again with seed %d, the timeline differs at\n%s\nIs there chance in Execute (package rand, the order of a map, state that outlives a play), or do several goroutines wake at one instant?",
				r.Seed, timeline.Divergence(first, text))}}
		}
	}
	return nil
}
