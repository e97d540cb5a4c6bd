package daemontest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// unaskedEnds returns the ends of processes that no expectation has spoken of,
// though they are none that go without saying: with a status other than 0, or,
// of the scenario's own daemon, before it was ready. Those at a process's start
// come apart from the others, because they explain whatever else is missed.
func (r *Result) unaskedEnds() (atStart, later []miss) {
	ready := map[int]bool{}
	r.timeline().Each(func(e timeline.Entry) {
		if e.Kind == timeline.State && e.Text == "sleeping" {
			ready[e.PID] = true
		}
	})
	launcher := map[*world.Process]*world.Process{}
	for _, p := range r.world.sim.Processes() {
		if d := p.Daemonized(); d != p && launcher[d] == nil {
			launcher[d] = p
		}
	}
	for _, p := range r.world.sim.Processes() {
		if p.IsTrial() || p.Alive() || p.Followed() || r.asked.ends[p] && !p.ExitedWith(0) {
			continue
		}
		from := launcher[p]
		switch {
		case !p.ExitedWith(0):
			if from != nil && r.asked.ends[from] && !ready[p.PID()] {
				continue // its launcher tells
			}
			if d := p.Daemonized(); d != p && !ready[d.PID()] && (d == r.world.sim.Main() || !d.ExitedWith(0)) {
				continue // its daemon tells
			}
		case p != r.world.sim.Main() || ready[p.PID()] || r.asked.neverReady:
			continue
		case !p.IsDaemon() && r.asked.ends[p]:
			continue // one that only prints, or asks another: its end was spoken of
		}
		m := r.unaskedEnd(p, from, ready[p.PID()])
		if ready[p.PID()] {
			later = append(later, m)
		} else {
			atStart = append(atStart, m)
		}
	}
	return atStart, later
}

// unaskedEnd puts such an end into words.
func (r *Result) unaskedEnd(p, launcher *world.Process, ready bool) miss {
	own := p == r.world.sim.Main()
	who, cure := fmt.Sprintf("%q, PID %d,", strings.Join(p.Args(), " "), p.PID()), ""
	switch {
	case own && p.ExitedWith(0) && p.IsDaemon():
		cure = "NeverReady()"
	case own && p.ExitedWith(0):
		cure = "Exit(0)"
	case own && p.Killed():
		cure = "Killed()"
	case own:
		cure = fmt.Sprintf("Exit(%d)", p.Code())
	case launcher != nil:
		cure = fmt.Sprintf("Of(%q, …)", strings.Join(launcher.Args(), " "))
	default:
		cure = fmt.Sprintf("ExitOf(%q, %d)", strings.Join(p.Args(), " "), p.Code())
	}
	if own {
		who = fmt.Sprintf("the daemon, PID %d,", p.PID())
	}
	when := "before it was ready"
	switch {
	case ready:
		when = "after it was ready"
	case !p.IsDaemon():
		when = "and never ran as a daemon"
	}
	text := fmt.Sprintf("want exit status 0, got %s: %s ended at %s, %s. Where that is meant, want %s.",
		p.How(), who, p.EndedAt().Round(time.Millisecond), when, cure)
	if p.ExitedWith(0) {
		text = fmt.Sprintf("want a daemon that becomes ready, got %s: %s ended at %s, %s. Where that is meant, want %s.",
			p.How(), who, p.EndedAt().Round(time.Millisecond), when, cure)
	}
	pids := []int{p.PID()}
	if launcher != nil {
		pids = append(pids, launcher.PID())
	}
	if words := r.words(pids); len(words) > 0 {
		text += " It said:\n" + strings.Join(words, "\n")
	}
	return miss{text: text, mark: endOf(p.PID()), focus: endOf(p.PID())}
}

// unaskedChildren returns the ends of children that nobody has spoken of.
func (r *Result) unaskedChildren() (all []miss) {
	for _, c := range r.world.children("") {
		exit, at, _ := c.Exit()
		if c.Alive() || exit.String() == "exit status 0" || c.Scripted() || c.Signalled() || r.asked.children[c] {
			continue
		}
		text := fmt.Sprintf("want exit status 0, got %s: %s, ended at %s. Where that is meant, want ChildEnds(%q, %d, %q).",
			exit, c, at.Round(time.Millisecond), c.Task(), c.Number(), exit)
		if words := r.words([]int{c.PID()}); len(words) > 0 {
			text += " It said:\n" + strings.Join(words, "\n")
		}
		all = append(all, miss{text: text, mark: endOf(c.PID()), focus: endOf(c.PID())})
	}
	return all
}

// fewWords is how many lines of a process are cited.
const fewWords = 6

// words returns the last lines that the first of the processes which has said
// anything wrote to its standard streams or its log.
func (r *Result) words(pids []int) []string {
	for _, pid := range pids {
		said := r.texts(func(e timeline.Entry) bool {
			return e.PID == pid && (isLog(e) || e.Kind == timeline.Stdout || e.Kind == timeline.Stderr)
		})
		if len(said) == 0 {
			continue
		}
		lines := strings.Split(strings.Join(said, "\n"), "\n")
		lines = lines[max(len(lines)-fewWords, 0):]
		for i := range lines {
			lines[i] = "  " + clip(lines[i])
		}
		return lines
	}
	return nil
}

// unmet returns the misses of all that the scenario names and that was never
// met.
func (r *Result) unmet(s Scenario) (all []miss) {
	add := func(format string, args ...any) { all = append(all, *missed(isStep, format, args...)) }
	m := r.met
	m.mu.Lock()
	vain, late, stolen := slices.Clone(m.vain), slices.Clone(m.late), slices.Clone(m.stolen)
	denied := slices.AppendSeq(slices.Clone(m.denied), maps.Keys(s.Deny))
	faults := slices.Clone(m.faults)
	m.mu.Unlock()
	for _, f := range faults {
		if f.count() == f.before {
			add("a step changed nothing that a daemon met afterwards, %s", f.what)
		}
	}
	for _, what := range vain {
		add("a step found nothing to act on, %s", what)
	}
	for _, l := range late {
		if l.processes == len(r.world.sim.Processes()) {
			add("a step came when every process had ended, %s", l.what)
		}
	}
	for _, i := range r.world.sim.Unfired() {
		if step := s.Steps[i]; step.trigger != nil && !step.maybe {
			near := ""
			if step.trigger.line != "" {
				near = nearest(step.trigger.line, r.texts(isLog))
			}
			add("want the step %q, got no such event%s", step.String(), near)
		}
	}
	for i, rule := range s.Execute.rules {
		if !m.rules[i] && !rule.maybe {
			all = append(all, *missed(isExecute, "want an iteration for the script's rule %s, got none", rule.words))
		}
	}
	for _, task := range slices.Sorted(maps.Keys(s.Children)) {
		all = append(all, s.Children[task].unmet(task, nearest(task, r.tasks()), m)...)
	}
	return append(all, r.unmetPaths(slices.Concat(stolen, s.Held), denied)...)
}

// unmet returns what of the script of a task no child has met; near names the
// task that may have been meant.
func (s ChildScript) unmet(task, near string, m *met) (all []miss) {
	if len(s.rules) == 0 && !s.maybe && !m.hasChild(task, noRule) {
		all = append(all, *missed(isFork, "want a child of the task %q, which Scenario.Children names, got none%s", task, near))
	}
	for i, rule := range s.calls {
		if !m.hasChild(task, callRulePlace(i)) {
			all = append(all, *missed(isFork, "want a call of a worker of %q for the rule %s, got none", task, rule))
		}
	}
	for i, rule := range s.rules {
		if !rule.maybe && !m.hasChild(task, i) {
			all = append(all, *missed(isFork, "want a child of the task %q for the rule %s, got none", task, rule.words))
		}
	}
	return all
}

// unmetPaths is unmet for the locks that were named and the paths that were
// denied.
func (r *Result) unmetPaths(locks, denied []string) (all []miss) {
	used := r.world.sim.Locks.Used()
	list := "none"
	if len(used) > 0 {
		list = strings.Join(used, ", ")
	}
	for _, url := range sortedOnce(locks) {
		if !slices.Contains(used, lockName(url)) {
			all = append(all, *missed(nil, "want a daemon that uses the lock %q (%s), got: %s", url, lockName(url), list))
		}
	}
	for _, path := range sortedOnce(denied) {
		if !r.world.sim.Machine.Files.Asked(path) {
			all = append(all, *missed(nil, "want a daemon that asks for the denied path %q, got none", path))
		}
	}
	return all
}

// sortedOnce returns each of the texts once, in order.
func sortedOnce(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }

func isStep(e timeline.Entry) bool { return e.Kind == timeline.Step }
