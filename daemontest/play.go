package daemontest

import (
	"testing"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Played is a scenario that Play has played.
type Played struct {
	*Result

	// Sim is the world as the scenario left it.
	Sim *world.World

	// Problems are what the harness itself found wrong: a panic, a hang,
	// goroutines that were left behind, an event that the lifecycle does not
	// have.
	Problems []string
}

// Watcher is told of a scenario while it is played.
type Watcher interface {
	// Begin is called before anything happens.
	Begin(w *world.World)

	// Program is called with each program that starts, and with its hooks, which
	// it may wrap.
	Program(g *world.Generation, hooks *host.Hooks)
}

// Play plays a scenario once and judges nothing, for packages below this one
// that judge by rules of their own. The caller removes the files of Sim.
func Play(t *testing.T, declare NewFunc, s Scenario, watcher Watcher) Played {
	r := &Result{Seed: s.Seed, met: newMet(len(s.Execute.rules))}
	c := s.config(declare, s.Seed, r.met)
	extend := c.Extend
	c.Prepare = func(w *world.World) {
		s.prepare(w)
		watcher.Begin(w)
	}
	c.Extend = func(g *world.Generation, hooks *host.Hooks) []core.Option {
		options := extend(g, hooks)
		watcher.Program(g, hooks)
		return options
	}
	w, died, hung := world.Play(t, c)
	r.world, r.died, r.hung = &World{sim: w, met: r.met}, died, hung
	p := Played{Result: r, Sim: w, Problems: w.Timeline.Failures()}
	if died != "" {
		p.Problems = append(p.Problems, died)
	}
	return p
}
