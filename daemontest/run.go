package daemontest

import (
	"fmt"
	"testing"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Run plays a scenario with the daemon that declare declares, and reports to t
// everything wanted that is not so, with the timeline. The daemon is the real
// one: its command line, loop, restart and lock code run in a testing/synctest
// bubble, on a world of fakes, and whatever it sleeps takes no time.
//
// Execute and all else that the daemon calls runs in the bubble, too: its
// time.Sleep and its timeouts obey the same clock, but it must not wait for
// the world outside, such as a network connection or a child process. A
// scenario that hangs on one is reported after a second, or some, with the
// goroutine to blame.
func Run(t *testing.T, declare NewFunc, s Scenario) *Result {
	t.Helper()
	r, verdict := examine(t, declare, s)
	if verdict != "" {
		t.Error(verdict)
	} else if notes := r.notes(); notes != "" {
		t.Log(notes)
	}
	if r.note != "" {
		t.Log(r.note)
	}
	return r
}

// examine is Run without the report: an empty verdict means that all is well.
func examine(t *testing.T, declare NewFunc, s Scenario) (r *Result, verdict string) {
	seed := s.Seed
	if seed == 0 {
		seed = *seedFlag
	}
	first, differ := "", false
	for i := range max(s.Orders, 1) {
		if r != nil {
			r.world.sim.Remove()
		}
		r = &Result{Seed: seed + uint64(i), order: i}
		s.play(t, declare, r, true)
		misses := r.misses()
		if !r.hung {
			misses = append(misses, checkDeterminism(t, declare, s, r)...)
		}
		if verdict = r.verdict(s.Steps, misses); verdict != "" {
			return r, verdict
		}
		if s.Orders > 1 && !differ {
			text := r.Timeline()
			differ = i > 0 && text != first
			first = text
		}
	}
	if s.Orders > 1 && !differ {
		r.note = fmt.Sprintf("%d orders gave one and the same timeline: nothing in the scenario happens at one instant in more than one order. "+
			"Give a step the instant of something else, mark steps of one instant with AnyOrder, or leave Orders out.", s.Orders)
	}
	return r, ""
}

// checkDeterminism plays the scenario again and compares, if asked to.
func checkDeterminism(t *testing.T, declare NewFunc, s Scenario, r *Result) []miss {
	if *checkFlag < 2 {
		return nil
	}
	first := r.fingerprint()
	for range *checkFlag - 1 {
		again := &Result{Seed: r.Seed}
		s.play(t, declare, again, false)
		text := again.fingerprint()
		again.world.sim.Remove()
		if text != first {
			return []miss{{text: fmt.Sprintf(
				"not deterministic: played again with seed %d, the timeline differs at\n%s\nIs there chance in Execute (package rand, the order of a map, state that outlives a play), or do several goroutines wake at one instant?",
				r.Seed, timeline.Divergence(first, text))}}
		}
	}
	return nil
}

// play plays the scenario once, with the seed of r. If it is to be judged, that
// happens before what was killed or replaced is let go.
func (s *Scenario) play(t *testing.T, declare NewFunc, r *Result, judge bool) {
	r.met = newMet(len(s.Execute.rules))
	c := s.config(declare, r.Seed, r.met)
	restore := func() {}
	c.Prepare = func(w *world.World) {
		if s.Slog {
			restore = captureSlog(w)
		}
		s.prepare(w)
	}
	defer func() { restore() }()
	c.Judge = func(w *world.World) {
		r.world = &World{sim: w, met: r.met}
		if judge {
			r.judge(*s)
		}
	}
	w, died, hung := world.Play(t, c)
	s.Network.end(w)
	r.world, r.died, r.hung = &World{sim: w, met: r.met}, died, hung
}
