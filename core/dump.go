package core

import (
	"fmt"
	"strings"
	"time"
)

// uptime is how long the process has been ready, over all its images.
func (d *Daemon) uptime() time.Duration {
	ready := d.past.ready()
	if ready == 0 {
		return 0
	}
	return (d.host.Clock.Boot() - ready).Round(time.Millisecond)
}

// dump tells all there is to know of a running daemon, for people.
func (m *machine) dump() string {
	s := m.Stats()
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "\n%-18s %s", name+":", fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "Dump of %s, PID %d on %s", m.name, m.host.Processes.PID(), m.host.Name)
	line("State", "%s", m.state)
	line("Interval", "%s", m.pacing())
	line("Started", "%s", m.begun.Format(time.DateTime))
	line("Uptime", "%s", m.uptime())
	line("Iterations", "%d", s.Iterations)
	line("Overruns", "%d", s.Overruns)
	line("Missed ticks", "%d", s.Missed)
	line("Failures", "%d", s.Failures)
	line("Duration", "mean %s, p99 %s", round(s.Mean), round(s.P99))
	line("Idle", "%.1f %%", 100*(1-s.Busy))
	line("Restarts", "%d, the last one: %s", s.Restarts, orNone(m.past.lastCause()))
	line("Log file", "%s", orNone(m.log.where()))
	line("Modes", "%s", m.modes())
	line("Alerts", "%s", m.alertList())
	line("Plugins", "%s", m.pluginList())
	line("Lock", "%s", m.lockState())
	vitals := m.host.Vitals()
	m.dumpMemory(line, vitals)
	line("User", "%s", orNone(m.host.User()))
	line("Version", "%s (Evertick, %s)", m.versionOrNone(), vitals.Go)
	return b.String()
}

func (m *machine) dumpMemory(line func(name, format string, args ...any), v Vitals) {
	now, peak := m.host.Processes.Resident()
	line("Memory", "resident %d KB now, %d KB at peak, heap %d KB", now>>10, peak>>10, v.Heap>>10)
	line("Goroutines", "%d", v.Goroutines)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func (m *machine) pacing() string {
	switch {
	case m.set.paced&pacedAfter != 0:
		return m.set.interval.String() + " after the end of each iteration"
	case m.set.interval == 0:
		return "0: no sleep"
	default:
		return m.set.interval.String()
	}
}

func (m *machine) modes() string {
	var modes []string
	for _, mode := range []struct {
		on   bool
		name string
	}{
		{m.Detached(), "detached"},
		{!m.Detached(), "foreground"},
		{m.cmd.verbose && !m.Detached(), "verbose"},
		{m.host.Supervisor.Detected(), "supervised"},
		{m.set.standby, "standby"},
	} {
		if mode.on {
			modes = append(modes, mode.name)
		}
	}
	return strings.Join(modes, ", ")
}

func (m *machine) alertList() string {
	if m.set.alerts == nil {
		return "none"
	}
	return strings.Join(m.set.recipients, ", ") + " through " + m.set.alerts.String()
}

func (m *machine) pluginList() string {
	var names []string
	for _, p := range m.set.plugins {
		names = append(names, p.Name())
	}
	return orNone(strings.Join(names, ", "))
}

func (m *machine) lockState() string {
	if m.keeper == nil {
		return "none"
	}
	text := fmt.Sprintf("%s, held by this process, token %d", m.set.lock, m.FencingToken())
	if safe := m.keeper.safe.Load(); safe != 0 {
		text += fmt.Sprintf(", safe for %s", (time.Duration(safe) - m.host.Clock.Boot()).Round(time.Millisecond))
	}
	return text
}
