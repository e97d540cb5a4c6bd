package core

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker/signals"
)

// partsTimeout is how long the parts of OnDump may take together.
const partsTimeout = time.Second

// giveDump logs the dump, and gives it to who has asked for it. Parts that are
// the user's come from beside the loop; a handler that runs there is not waited
// for.
func (m *machine) giveDump() {
	text := m.dump()
	give := func(text string) {
		m.d.log.Tell(text)
		m.d.reply("dump", replyOK, text)
	}
	parts := len(m.d.set.dumpParts)
	switch {
	case parts == 0:
		give(text)
	case m.handlers.busy():
		give(text + fmt.Sprintf("\n%d parts of the program's own are left out: a handler is running, which they would wait for", parts))
	default:
		m.handlers.add(func() { give(text + m.d.dumpParts()) })
	}
}

// dumpParts returns the parts of OnDump. One that hangs is left behind.
func (d *Daemon) dumpParts() string {
	ctx, cancel := clockwork.WithTimeout(context.Background(), d.host.Clock, partsTimeout)
	defer cancel()
	done := make(chan string, 1)
	go func() {
		var b strings.Builder
		defer func() { done <- b.String() }() // also where a part ends this goroutine
		for _, part := range d.set.dumpParts {
			fmt.Fprintf(&b, "\n%-18s ", part.title+":")
			err := recovered(func() error {
				b.WriteString(strings.ReplaceAll(part.text(d), "\n", "\n"+strings.Repeat(" ", 19)))
				return nil
			})
			if err != nil {
				b.WriteString(err.Error())
			}
		}
	}()
	select {
	case text := <-done:
		return text
	case <-ctx.Done():
		return fmt.Sprintf("\nThe parts of the program's own are left out: they took longer than %s", partsTimeout)
	}
}

// dump returns all there is to know of a running daemon, for people.
func (m *machine) dump() string {
	s, set := m.d.Stats(), &m.d.set
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "\n%-18s %s", name+":", fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "Dump of %s, PID %d on %s", m.d.name, m.d.PID(), m.d.host.Name)
	line("State", "%s", m.stateText())
	line("Interval", "%s%s", m.d.set.pacingText(), m.d.set.origin("every"))
	line("Next tick", "%s", m.nextTick())
	line("Time-outs", "iteration %s%s, shutdown %s%s", orNo(set.iterationTimeout), set.origin("iteration-timeout"),
		set.shutdownTimeout, set.origin("shutdown-timeout"))
	line("Restart interval", "%s%s", orNo(set.restartEvery), set.origin("restart-every"))
	if set.restartAboveMemory > 0 {
		line("Memory limit", "%s%s", declaredMemory(set, time.Time{}), set.origin("restart-above-memory"))
	}
	line("After errors", "%s", m.errorPolicy())
	line("Started", "%s", m.d.startedAt.Format(time.DateTime))
	line("Uptime", "%s", m.d.Uptime())
	line("Iterations", "%d", s.Iterations)
	if start, running := m.d.counters.startOfRunning(); running {
		took := m.d.host.Clock.Now().Sub(start)
		late := ""
		if interval := m.d.Interval(); interval > 0 && took > interval {
			late = ", OVERDUE"
		}
		line("Running", "Execute #%d, for %s%s", m.d.Iteration(), round(took), late)
	}
	line("Overruns", "%d", s.Overruns)
	line("Missed ticks", "%d", s.Missed)
	line("Failures", "%d", s.Failures)
	line("Duration", "mean %s, p99 %s", round(s.Mean), round(s.P99))
	line("Idle", "%.1f %%", 100*(1-s.Busy))
	line("Restarts", "%d, the last one: %s", s.Restarts, orNone(m.d.history.lastCause()))
	line("Log file", "%s%s", m.logGoesTo(), set.origin("log"))
	line("Log level", "%s%s", set.logLevel, set.origin("log-level"))
	line("Modes", "%s", m.modes())
	line("Alerts", "%s", m.alertList())
	if text := m.d.waitingText(); text != "" {
		line("Alerts waiting", "%s", text)
	}
	line("Plugins", "%s", m.pluginList())
	m.dumpChildren(line)
	line("Lock", "%s%s", m.lockState(), m.d.set.origin("lock"))
	if text := m.warmUpState(); text != "" {
		line("Warm-up", "%s", text)
	}
	if m.d.watched() {
		line("Watcher", "%s", m.watcherText())
	}
	vitals := m.d.host.Vitals()
	m.dumpMemory(line, vitals)
	line("User", "%s", orNone(m.d.host.User()))
	line("Version", "%s (Evertick, %s)", m.d.version(), vitals.Go)
	return b.String()
}

func (m *machine) dumpMemory(line func(name, format string, args ...any), v host.Vitals) {
	now, peak := m.d.host.Resident()
	line("Memory", "resident %d KB now, %d KB at peak, heap %d KB", now>>10, peak>>10, v.Heap>>10)
	line("Goroutines", "%d", v.Goroutines)
}

// stateText returns the state, and why it lasts.
func (m *machine) stateText() string {
	if what := m.failed.checks; what != "" {
		return fmt.Sprintf("%s: %s", m.state, strings.ReplaceAll(what, "\n", "; "))
	}
	return m.state.String()
}

// dumpChildren lists the children and the pools; nothing where there are none.
func (m *machine) dumpChildren(line func(name, format string, args ...any)) {
	for n, i := range m.d.children.List() {
		name := "Children"
		if n > 0 {
			name = "child"
		}
		what, does := i.Task, i.State.String()
		switch {
		case i.Worker:
			what, does = "worker of pool "+what, does+" ("+i.Doing+")"
		case i.PID != 0:
			what = "task " + what
		}
		if i.PID != 0 {
			what = fmt.Sprintf("PID %d, %s", i.PID, what)
		}
		line(name, "%s, %s, %s", what, does, round(i.Age))
	}
	for _, p := range m.d.children.Pools() {
		line("Pool "+p.Pool, "%d workers (%d idle), calls: %d queued, %d running, %d done, %d failed, %d retried; p50 %s, p99 %s; %d recycled, %d crashed",
			p.Workers, p.Idle, p.Queued, p.Running, p.Done, p.Failed, p.Retried, round(p.P50), round(p.P99), p.Recycled, p.Crashed)
	}
}

// nextTick returns when the next iteration is due, by the wall clock.
func (m *machine) nextTick() string {
	switch m.state {
	case stateSleeping:
	case stateExecuting:
		return fmt.Sprintf("when Execute #%d has returned", m.d.Iteration())
	default:
		return "none"
	}
	wall := m.d.host.Clock.Wall()
	at := wall.Add(m.schedule.Next().Sub(m.now))
	if c, ok := m.schedule.(*calendarTicks); ok {
		if at = c.Tick(); at.IsZero() {
			return "none: the schedule has no further one"
		}
	}
	if at.Before(wall) {
		return "now"
	}
	return fmt.Sprintf("%s, in %s", at.Format(time.DateTime), round(at.Sub(wall)))
}

// errorPolicy returns what follows fatal errors.
func (m *machine) errorPolicy() string {
	set := &m.d.set
	if !m.d.restartsByItself() {
		return "exit 1: the daemon runs in the foreground without a supervisor"
	}
	limit := "without a limit"
	if set.maxRestarts != noMaxRestarts {
		limit = fmt.Sprintf("at most %d in %s", set.maxRestarts, set.restartWindow)
	}
	limit += set.origin("max-restarts")
	failures := ""
	if set.maxFailures > 1 {
		failures = fmt.Sprintf("%d failures in a row, then ", set.maxFailures)
	}
	return fmt.Sprintf("%srestart, %s; pauses of %s to %s", failures, limit, set.backoff, max(set.backoff, set.maxBackoff))
}

// orNo returns a duration for which 0 means that there is none.
func orNo(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return d.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// logGoesTo returns the file of the log, or that there is none.
func (m *machine) logGoesTo() string {
	if m.d.set.logHandler != nil {
		return "none: a handler takes the log"
	}
	return orNone(m.d.log.Path())
}

func (m *machine) modes() string {
	var modes []string
	for _, mode := range []struct {
		on   bool
		name string
	}{
		{m.d.Detached(), "detached"},
		{!m.d.Detached(), "foreground"},
		{m.d.Verbose(), "verbose"},
		{m.d.supervised(), "supervised"},
		{m.d.set.standby, "standby"},
	} {
		if mode.on {
			modes = append(modes, mode.name)
		}
	}
	if ignored := m.ignoredSignals(); ignored != "" {
		modes = append(modes, "ignores "+ignored+", as nohup has it")
	}
	return strings.Join(modes, ", ")
}

// ignoredSignals names the signals that were ignored when the process was started;
// empty for none.
func (m *machine) ignoredSignals() string {
	var names []string
	for _, sig := range m.d.host.Signals.Kept() {
		names = append(names, signals.Name(sig))
	}
	return strings.Join(names, " and ")
}

func (m *machine) alertList() string {
	set := &m.d.set
	if set.alerts == nil {
		return "none" + set.origin("alerts")
	}
	return strings.Join(set.recipients, ", ") + set.origin("to") + " through " + set.alerts.String() + set.origin("alerts")
}

// waitingText returns what the dump says of the alerts that wait; empty where there
// are none.
func (d *Daemon) waitingText() string {
	s := d.alerts.Status()
	var parts []string
	if s.Waiting > 0 {
		where := "in memory"
		if dir := d.spoolDir(); dir != "" && s.SpoolProblem == "" {
			where = "in " + dir // within a second
		}
		parts = append(parts, fmt.Sprintf("%d, %s", s.Waiting, where))
		if !s.Oldest.IsZero() {
			parts = append(parts, "the oldest of "+s.Oldest.Format(time.DateTime))
		}
		if s.Problem != "" {
			parts = append(parts, fmt.Sprintf("next try in %s", round(max(s.Next, 0))))
		}
	}
	if s.Away > 0 {
		parts = append(parts, fmt.Sprintf("nothing was delivered for %s", round(s.Away)))
	}
	if s.Problem != "" {
		parts = append(parts, "last failure: "+s.Problem)
	}
	if s.SpoolProblem != "" {
		parts = append(parts, fmt.Sprintf("the spool %s cannot be used: %s", d.spoolDir(), s.SpoolProblem))
	}
	return strings.Join(parts, "; ")
}

func (m *machine) pluginList() string {
	var names []string
	for _, p := range m.d.set.plugins {
		names = append(names, p.Name())
	}
	return orNone(strings.Join(names, ", "))
}

func (m *machine) lockState() string {
	switch {
	case m.state == stateStandby:
		return "waited for: " + m.standby.reason
	case m.lease == nil:
		return "none"
	}
	return m.lease.text(m.d.set.lock)
}

// warmUpState returns how far the latest warm-up is; nothing where there is none.
func (m *machine) warmUpState() string {
	switch r := m.warmUp.latest; {
	case r == nil:
		return ""
	case !r.returned():
		return fmt.Sprintf("running for %s", round(m.d.host.Clock.Boot()-r.began))
	case r.err != nil:
		return fmt.Sprintf("failed after %s: %v", round(r.took), r.err)
	default:
		return fmt.Sprintf("done in %s", round(r.took))
	}
}
