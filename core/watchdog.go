package core

import (
	"fmt"
	"time"
)

// statusEvery is how often the supervisor is told of an iteration at most.
const statusEvery = time.Second

// tellStatus tells the supervisor of the iteration that has just ended. What it does
// not take at once is left out: the next one follows.
func (d *Daemon) tellStatus(n int64, took time.Duration, err error) {
	s, how := d.Stats(), "took"
	if err != nil {
		how = "failed after"
	}
	if p := d.pacing(); p.HasGrid() && p.Overran(took) {
		s.Overruns++ // which is counted later
	}
	_ = d.host.Supervisor.Notify(fmt.Sprintf("STATUS=iteration %d %s %s, mean duration %s, %d overruns, %d failures",
		n, how, took.Round(time.Microsecond), s.Mean.Round(time.Microsecond), s.Overruns, s.Failures))
}

// watchdog is what a supervisor expects while the daemon makes progress: a sign of
// it at least once in a while, else it ends the process (WatchdogSec= in
// systemd.service(5)). It is given by the goroutine that handles events, at half the
// time, so it is missing where that one stands still; and as long as an Execute
// hangs. Everything else that the daemon waits for has a time-out of the daemon's own:
//
//	state                           the sign
//	checking, standby, sleeping,
//	back-off, trial                 given
//	setting up                      given: the supervisor has a time-out for the start
//	executing, up to its limit      given; see limit
//	executing, beyond that          withheld
//	draining, tearing down          given: ShutdownTimeout ends both
//	an Execute was abandoned        given: the daemon restarts because of it
//	between two programs            given by the next one at once
type watchdog struct {
	every time.Duration // half of what the supervisor allows; 0: it expects nothing
	due   time.Time
}

// limit returns how long an Execute may take until it counts as hanging: the longest
// of the interval, the iteration time-out, which ends it by itself, and the
// supervisor's own time.
func (w *watchdog) limit(interval, timeout time.Duration) time.Duration {
	if timeout > 0 {
		timeout += 2 * grace
	}
	return max(2*w.every, interval, timeout)
}

// isDue reports whether it is time for a sign, and when the next one is due.
func (w *watchdog) isDue(now time.Time) (yes bool, next time.Time) {
	yes = !now.Before(w.due)
	if yes {
		w.due = now.Add(w.every)
	}
	return yes, w.due
}
