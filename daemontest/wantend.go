package daemontest

import (
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// Exit wants the scenario's own daemon to end with this exit status: the process
// of Scenario.Args, or the daemon that it launched. See Of for others.
func Exit(code int) Expectation {
	return func(r *Result) *miss {
		p := r.daemon()
		r.asked.speakOf(p)
		if !p.ExitedWith(code) {
			return missed(endOf(p.PID()), "want exit status %d, got %s", code, p.How())
		}
		return nil
	}
}

// ExitOf wants each process that was started with these arguments to end with
// this exit status: the scenario's own, and each that a Command ran. With -d in
// them that is the launcher, which ends when its daemon is ready; see Of for
// that daemon.
func ExitOf(args string, code int) Expectation {
	return func(r *Result) *miss {
		runs := 0
		for _, p := range r.world.sim.Commands() {
			if !slices.Equal(p.Args(), strings.Fields(args)) {
				continue
			}
			runs++
			r.asked.speakOf(p)
			if !p.ExitedWith(code) {
				return missed(endOf(p.PID()), "want %q to end with exit status %d, got PID %d: %s", args, code, p.PID(), p.How())
			}
		}
		if runs == 0 {
			return missed(nil, "want %q to end with exit status %d, got no process with these arguments%s", args, code, nearest(args, r.commandLines()))
		}
		return nil
	}
}

// commandLines returns the command lines that were typed.
func (r *Result) commandLines() (lines []string) {
	for _, p := range r.world.sim.Commands() {
		lines = append(lines, strings.Join(p.Args(), " "))
	}
	return lines
}

// Of wants something of each daemon that Command has started with these
// arguments, instead of the scenario's own: Exit, Killed, EndsAt and NeverReady.
// What counts all processes together, it leaves as it is.
func Of(args string, list ...Expectation) Expectation {
	return func(r *Result) *miss {
		daemons := r.world.started(args)
		if len(daemons) == 0 {
			return missed(nil, "want a daemon of %q, got none: no Command has started it%s", args, nearest(args, r.commandLines()))
		}
		for _, p := range daemons {
			its := *r
			its.about = p
			missing, asked := its.firstMiss(list)
			asked.neverReady = false
			r.asked.add(asked)
			if missing != nil {
				missing.text = "of " + strings.Join(p.Args(), " ") + ": " + missing.text
				return missing
			}
		}
		return nil
	}
}

// Killed wants the scenario's own daemon to have been killed by a signal. See Of
// for others.
func Killed() Expectation {
	return func(r *Result) *miss {
		p := r.daemon()
		r.asked.speakOf(p)
		if !p.Killed() {
			return missed(endOf(p.PID()), "want the daemon to be killed, got %s", p.How())
		}
		return nil
	}
}

// Watchers wants so many watchers to have been started, and none to be left.
func Watchers(n int) Expectation {
	return func(r *Result) *miss {
		for _, p := range r.world.sim.Processes() {
			if w := p.Watcher(); w != nil && w.Alive() {
				return missed(endOf(p.PID()), "want no watcher to be left: that of PID %d, PID %d, is", p.PID(), w.PID())
			}
		}
		if got := r.world.sim.Watchers(); got != n {
			return missed(nil, "want %d watchers to be started, got %d", n, got)
		}
		return nil
	}
}

// EndsAt wants the scenario's own daemon to end at this time, rounded to
// milliseconds. See Of for others.
func EndsAt(at time.Duration) Expectation {
	return func(r *Result) *miss {
		p := r.daemon()
		if got := p.EndedAt().Round(time.Millisecond); got != at {
			return missed(endOf(p.PID()), "want the daemon to end at %s, got %s (%s)", at, got, p.How())
		}
		return nil
	}
}

// NeverReady wants the scenario's own daemon to end without having become ready:
// its loop has never started. Without it, and without an exit status other than 0
// that is wanted, such a daemon fails the scenario. A program that only prints,
// or only sends a signal, is no daemon.
func NeverReady() Expectation {
	return func(r *Result) *miss {
		p := r.daemon()
		r.asked.neverReady = true
		if ready := r.entries(readiness(p)); len(ready) > 0 {
			return missed(readiness(p), "want a daemon that never becomes ready, got one that was at %s", ready[0].At.Round(time.Millisecond))
		}
		return nil
	}
}

// readiness recognises that the loop of a process starts, or goes on.
func readiness(p *world.Process) func(timeline.Entry) bool {
	return func(e timeline.Entry) bool {
		return e.Kind == timeline.State && e.Text == "sleeping" && e.PID == p.PID()
	}
}

// LockReleased wants no lock to be held in the end by a daemon of the scenario,
// and one to have been taken. A lock with a TTL is still held after SIGKILL,
// until its time is over.
func LockReleased() Expectation {
	return func(r *Result) *miss {
		if held := r.world.sim.Locks.Kept(); len(held) > 0 {
			return missed(nil, "want every lock to be released, got some still held: %s", strings.Join(held, ", "))
		}
		taken := r.world.sim.Locks.Taken()
		if len(taken) == 0 {
			return missed(nil, "want every lock to be released, got none that was ever taken: NoLock() wants that")
		}
		for _, name := range taken {
			if who, held := r.world.Holder(name); held && who.Host == r.world.sim.Machine.Name {
				return missed(endOf(who.PID), "want every lock to be released, got %s still held by PID %d, until its TTL is over", name, who.PID)
			}
		}
		return nil
	}
}

// NoLock wants no daemon of the scenario to have taken a lock, not even for an
// instant.
func NoLock() Expectation {
	return func(r *Result) *miss {
		if taken := r.world.sim.Locks.Taken(); len(taken) > 0 {
			return missed(nil, "want no lock to be taken, got %s", strings.Join(taken, ", "))
		}
		return nil
	}
}
