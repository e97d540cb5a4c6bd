package daemontest

import (
	"strings"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Result is a scenario that has been played.
type Result struct {
	// Seed is the seed that it was played with.
	Seed uint64

	world *World
	died  string // what the bubble died of
	hung  bool
}

// World returns the world as the scenario left it.
func (r *Result) World() *World { return r.world }

func (r *Result) timeline() *timeline.Timeline { return r.world.sim.Timeline }

// Timeline returns what happened, line by line.
func (r *Result) Timeline() string {
	var b strings.Builder
	r.timeline().Write(&b, nil)
	return b.String()
}

// Transitions returns the edges of the lifecycle's table that the scenario's
// daemons took, each once, in the table's order.
func (r *Result) Transitions() []core.Transition { return r.world.sim.Taken() }

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

func isExecute(e timeline.Entry) bool { return e.Kind == timeline.Execute }

// Ended returns when the scenario's daemon ended, since the scenario's start.
func (r *Result) Ended() (at time.Duration) {
	ends := endOf(r.world.PID())
	r.timeline().Each(func(e timeline.Entry) {
		if ends(e) {
			at = e.At
		}
	})
	return at
}

// endOf recognises the end of a process; 0 is any.
func endOf(pid int) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool { return e.Kind == timeline.End && (pid == 0 || e.PID == pid) }
}

// fingerprint returns all that must be the same when the scenario is played
// again.
func (r *Result) fingerprint() string {
	failures := strings.Join(r.timeline().Failures(), "\n")
	return strings.Join([]string{r.Timeline(), timeline.WithoutStacks(failures), timeline.WithoutStacks(r.died)}, "\n")
}
