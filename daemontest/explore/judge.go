package explore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// judge returns what is wrong with a life that was played.
func (w *watcher) judge(played daemontest.Played) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var wrong []string
	wrong = append(wrong, w.violations...)
	wrong = append(wrong, played.Problems...)
	ends := map[int]time.Duration{}
	w.sim.Timeline.Each(func(e timeline.Entry) {
		if e.Kind == timeline.End {
			ends[e.PID] = e.At
		}
	})
	complain := func(pid int, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("PID %d: %s", pid, fmt.Sprintf(format, args...)))
	}
	for _, sim := range w.sim.Processes() {
		p := w.process(sim.PID())
		if !p.handled {
			w.judgeCommand(sim, ends, complain)
			continue
		}
		killed := w.died(sim)
		if !killed && !sim.ExitedWith(p.code) {
			complain(p.pid, "it was about to exit with status %d, and ended with: %s", p.code, sim.How())
		}
		if !killed {
			w.judgeEnd(p, played, complain)
		}
		w.judgeSignals(p, ends[p.pid], complain)
		w.judgeRestarts(p, ends[p.pid], complain)
	}
	w.judgeRecovery(ends, complain)
	w.judgeWatchers(ends, complain)
	w.judgeChildren(ends, complain)
	w.judgeCalls(complain)
	if kept := w.sim.Locks.Kept(); len(kept) > 0 && !w.says("the lock was not given back") && !w.says("ignores the loss of the lock") && !w.life.does(LockLost, LockPaused) {
		wrong = append(wrong, "still held by a process that has exited: "+strings.Join(kept, ", "))
	}
	return wrong
}

var exitStatus = regexp.MustCompile(`Exit status: (\d+)$`)

// judgeEnd judges how a daemon has ended that was not killed.
func (w *watcher) judgeEnd(p *process, played daemontest.Played, complain func(int, string, ...any)) {
	last := ""
	for _, l := range p.logs {
		if last == "" || !exitStatus.MatchString(last) { // a leftover goroutine may say something at the same instant
			last = l.text
		}
	}
	switch status := exitStatus.FindStringSubmatch(last); {
	case status == nil && p.says("Application Startup"):
		complain(p.pid, "the last line of its log is %q", last)
	case status != nil && status[1] != fmt.Sprint(p.code):
		complain(p.pid, "the last line of its log is %q, but it exited with status %d", last, p.code)
	}
	if p.says("bad file descriptor") {
		complain(p.pid, "it uses a descriptor that is closed, and so may be another file's by then")
	}
	if !p.says("Shutting Down: ", "Error: ") && p.code == 0 {
		complain(p.pid, "its log does not say why it ended")
	}
	mails := 0
	for _, m := range played.World().Mails() {
		if strings.Contains(m.Body, fmt.Sprintf("\nPID: %d\n", p.pid)) {
			if !strings.HasPrefix(m.Body, "No alert mail could be delivered for ") { // which tells of no alert
				mails += max(m.Alerts, 1)
			}
		}
	}
	told := 0
	for _, l := range p.logs {
		var n int
		switch {
		case strings.HasSuffix(l.text, "not delivered before the end"):
			if _, err := fmt.Sscanf(l.text, "Error: %d alert", &n); err == nil {
				told += n
			}
		case strings.HasSuffix(l.text, "for the next start"):
			if _, err := fmt.Sscanf(l.text, "%d alert", &n); err == nil {
				told += n
			}
		}
	}
	if mails+told < p.alerts {
		complain(p.pid, "of %d alerts, %d were mailed and %d told as lost", p.alerts, mails, told)
	}
	if _, there := played.World().File(pidPath); there && w.life.PIDFile && len(w.processes) == 1 {
		complain(p.pid, "its PID file is left")
	}
}

// judgeSignals checks that each signal that reached the daemon had its effect.
func (w *watcher) judgeSignals(p *process, end time.Duration, complain func(int, string, ...any)) {
	for _, s := range p.signals {
		if s.at < p.programs[0].started || s.stopped || w.life.does(Halt) {
			continue
		}
		switch s.what {
		case Term, Int:
			if end > s.at+w.life.stopBound() {
				complain(p.pid, "%s at %s, but it ended at %s", s.what, s.at, end)
			}
		case Usr1:
			if end > s.at+time.Second && !p.saysFrom(s.at, "Dump of ") && !p.replacedAt(s.at) && !p.says("Shutting Down: SIG") {
				complain(p.pid, "no dump after SIGUSR1 at %s", s.at)
			}
		default:
		}
	}
}

// replacedAt reports whether the process executed another program just then:
// signals in that instant are ignored, lest they kill it.
func (p *process) replacedAt(at time.Duration) bool {
	return slices.ContainsFunc(p.programs, func(prog *program) bool {
		return prog.started >= at && prog.started < at+5*time.Millisecond
	})
}

// judgeRestarts checks that each restart that was asked for was answered: by
// the next program, by a refusal, or by the end.
func (w *watcher) judgeRestarts(p *process, end time.Duration, complain func(int, string, ...any)) {
	if w.life.mayHang() || w.life.does(Halt) {
		return
	}
	for _, asked := range p.restarts {
		if by := max(asked, w.life.calm()) + w.life.recovery(); end > by && !p.answered(asked, by) {
			complain(p.pid, "the restart that was asked for at %s had no answer by %s", asked, by)
		}
	}
}

// answered reports whether the next program, or a refusal, came in between.
func (p *process) answered(asked, by time.Duration) bool {
	return slices.ContainsFunc(p.programs, func(prog *program) bool {
		return prog.started >= asked && prog.started <= by
	}) || slices.ContainsFunc(p.logs, func(l logged) bool {
		return l.at >= asked && l.at <= by && strings.HasPrefix(l.text, "Restart Refused")
	})
}

// judgeCommand checks that what -s says is true.
func (w *watcher) judgeCommand(sim *world.Process, ends map[int]time.Duration, complain func(int, string, ...any)) {
	args, end := strings.Join(sim.Args(), " "), ends[sim.PID()]
	started := w.process(sim.PID()).programs
	if len(started) == 0 || !strings.HasPrefix(args, "-s ") || !sim.ExitedWith(0) {
		return
	}
	since := started[0].started
	during := func(at time.Duration) bool { return at >= since && at <= end }
	for _, p := range w.processes {
		switch {
		case !p.handled:
		case strings.HasPrefix(args, "-s stop") && during(ends[p.pid]),
			strings.HasPrefix(args, "-s dump") && slices.ContainsFunc(p.logs, func(l logged) bool { return during(l.at) && strings.HasPrefix(l.text, "Dump of ") }),
			strings.HasPrefix(args, "-s restart") && slices.ContainsFunc(p.programs[1:], func(prog *program) bool { return during(prog.started) }):
			return
		}
	}
	complain(sim.PID(), "%s says that it did what it did not", args)
}

// judgeRecovery checks that after the last fault a daemon executed again, or
// had ended.
func (w *watcher) judgeRecovery(ends map[int]time.Duration, complain func(int, string, ...any)) {
	if w.life.mayHang() {
		return
	}
	by := w.life.calm() + w.life.recovery()
	for _, p := range w.processes {
		if p.handled && ends[p.pid] > by && w.lastBegun < w.life.calm() {
			complain(p.pid, "all faults were mended at %s, but nothing executed by %s", w.life.calm(), by)
			return
		}
	}
}
