package explore

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// checkLock checks that an iteration begins under the lock, or at least before
// its holder can know that it was taken away.
func (w *watcher) checkLock(p *process, prog *program, now time.Duration) {
	if w.life.Lock == NoLock {
		return
	}
	if w.holder() == p.pid {
		prog.owned = w.tampered
		return
	}
	if prog.owned == -1 || prog.owned == w.tampered {
		w.violated(p.pid, "an iteration begins without the lock")
		return
	}
	known := prog.lost + w.life.TTL - w.life.TTL/4 // when it could not have been renewed since
	if w.life.Lock == File {
		known = prog.lost + 20*time.Second
		if w.life.does(LockOutage, LockSlow, Halt) {
			return
		}
	}
	if now >= known {
		w.violated(p.pid, "an iteration begins %s after the lock was taken away", now-prog.lost)
	}
}

// checkTicks checks that each tick so far is served or counted as missed, once:
// so every tick without an iteration is missed, and none that has one at its
// very instant.
func (w *watcher) checkTicks(p *process, now time.Duration, missed int64) {
	interval := w.life.Interval
	t := &p.ticks
	t.begun++
	if interval == 0 || !t.known {
		return
	}
	ticks := int64((now-t.first)/interval) + 1
	if (now-t.first)%interval == 0 {
		t.onTime++
	}
	if missed+t.begun < ticks {
		w.violated(p.pid, "%d ticks, but only %d iterations and %d missed", ticks, t.begun, missed)
	}
	// The ticks of a suspension that a restart follows were missed, too.
	if w.life.Missed == 0 && missed+t.onTime > ticks && !w.life.does(Suspended) {
		w.violated(p.pid, "only %d ticks, but %d were served at their instant and %d missed", ticks, t.onTime, missed)
	}
}

// checkTimeout checks, when an iteration is over, that it was not let run past
// its time-out.
func (w *watcher) checkTimeout(p *process, prog *program) {
	timeout := w.life.IterationTimeout
	if took := w.sim.Now() - prog.busy; timeout > 0 && prog.busy >= 0 && took > timeout+time.Millisecond && !w.life.does(Halt) {
		w.violated(p.pid, "an iteration ran for %s, and its time-out is %s", took, timeout)
	}
}

var (
	tolerated = regexp.MustCompile(`\nTolerated: failure (\d+) in a row`)
	fatal     = regexp.MustCompile(`^Error: Execute #\d+: (?s).*fatal error`)
)

// checkLog checks what a line of the log says.
func (w *watcher) checkLog(p *process, prog *program, text string) {
	count := tolerated.FindStringSubmatch(text)
	switch {
	case strings.Contains(text, "which is a defect of Evertick"):
		w.violated(p.pid, "%s", text)
	case strings.HasPrefix(text, "Forced: SIG") && !w.insisted():
		w.violated(p.pid, "nobody insisted, and it says %q", firstLine(text))
	case strings.HasPrefix(text, "Forced: "), strings.HasPrefix(text, "Lock Lost"), strings.HasPrefix(text, "Shutting Down"):
		prog.busy = -1 // other bounds hold from now on
	case p.inARow < 0:
	case count != nil && count[1] != fmt.Sprint(p.inARow),
		count == nil && fatal.MatchString(text) && p.inARow < w.life.MaxFailures:
		w.violated(p.pid, "after %d failures in a row it says %q", p.inARow, text)
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// insisted reports whether a daemon was asked to stop twice.
func (w *watcher) insisted() bool {
	var first time.Duration = -1
	for _, s := range w.life.Steps {
		switch {
		case s.Does != Term && s.Does != Int && s.Does != SendStop, s.At > w.sim.Now():
		case first < 0:
			first = s.At
		case s.At-first >= 490*time.Millisecond:
			return true
		}
	}
	return first >= 0 && w.sim.Now() > w.life.calm() // and once more at the end
}

// withoutTeardown are the lines that tell that teardown is left out or left
// behind.
var withoutTeardown = []string{"leaving at once", "without teardown", "teardown does not return", "nothing can start beside"}

// checkTornDown checks, when a program is over, that what it set up is torn
// down.
func (w *watcher) checkTornDown(p *process, prog *program) {
	if prog.setUps != prog.torn && !p.says(withoutTeardown...) {
		w.violated(p.pid, "of what was set up, %v, only %v was torn down", prog.setUps, prog.torn)
	}
}
