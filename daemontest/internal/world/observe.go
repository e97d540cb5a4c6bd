package world

import (
	"fmt"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker/reexec"
)

// observer writes what a generation's daemon does into the timeline.
type observer struct {
	g     *Generation
	edges *timeline.Edges
	fail  func(text string)

	// ownLane lets each iteration begin in a lane of its own, so that a sleep
	// in the daemon's own Execute ends at another instant than its timers fire.
	ownLane bool
}

func (o *observer) observe(seen host.Observation) {
	if !o.g.alive() {
		if seen.Kind == host.Begun || seen.Kind == host.Calling {
			_ = o.g.freeze()
		}
		return
	}
	record := o.g.process.record
	switch seen.Kind {
	case host.Begun:
		if !record.Begin(seen.Iteration, o.g.daemon.Interval()) {
			_ = o.g.freeze() // it spins: let the rest of the world go on
		}
		if o.ownLane {
			o.g.time.sleepWithinQuantum(o.g.process.block, laneExecute)
		}
	case host.Queued: // what has caused it comes first
		o.g.time.sleepUntilLane(o.g.process.block, laneHandler)
	case host.Calling: // what the function starts keeps the lane
		switch seen.Text {
		case "WarmUp", "Setup": // the one is over when the other begins
			o.g.time.sleepWithinQuantum(o.g.process.block, laneSetup)
		case core.HookFork.String(), core.HookReap.String(): // the lane is the child's, or that of the process that forks it
		default:
			o.g.time.sleepWithinQuantum(o.g.process.block, laneHook)
		}
	case host.Ended:
		record.End(seen.Iteration, seen.Took, seen.Err)
	case host.Logged:
		if o.g.origin.Kind != reexec.Trial {
			o.logged(record.As(seen.PID), seen.Text)
		}
	case host.Handled:
		if seen.Edge >= 0 {
			o.edges.Take(seen.Edge)
		} else {
			o.fail(fmt.Sprintf("the event %q led from %q to %q, which the table of core.Lifecycle does not have", seen.Event, seen.From, seen.To))
		}
		if seen.From != seen.To && !routine(seen.From, seen.To) && !routine(seen.To, seen.From) {
			record.Add(timeline.State, seen.To)
		}
	case host.Alerted, host.Exiting: // the log and the mail, and the process's end, have entries already
	}
}

// logged records a log message, and whether it has reached anybody.
func (o *observer) logged(record *timeline.Source, text string) {
	if log := o.g.daemon.Log(); log.Reaches() {
		record.Log(text)
	} else {
		record.LogLost(text, log.Path())
	}
}

// routine is a change of state that the lines of the iterations tell already.
func routine(from, to string) bool {
	return from == "sleeping" && to == "executing"
}
