package core

import (
	"fmt"
	"time"
)

const (
	// longestMargin is how long after the end of its interval an iteration is told
	// that still runs, at most; less for an interval below 1 s. What ends within
	// that is told once, at its end.
	longestMargin = 10 * time.Millisecond

	// The time to the first reminder in the log of an iteration that still runs;
	// each further one comes after twice the time, up to the longest.
	firstReminder   = 5 * time.Minute
	longestReminder = 6 * time.Hour
)

// awaitOverdue sets the deadline at which an iteration that starts now and still
// runs is overdue; none without a grid.
func (m *machine) awaitOverdue(now time.Time) {
	m.overrun = overrun{}
	if interval := m.d.Interval(); interval > 0 {
		m.timers.set(overdueAt, now.Add(interval+min(interval/100, longestMargin)))
	}
}

// onOverdue alerts that the iteration still runs, and reminds of that. The
// deadline may have been set for an earlier one.
func (m *machine) onOverdue(event) state {
	interval := m.d.Interval()
	start, running := m.d.counters.startOfRunning()
	now := m.d.host.Clock.Now()
	if !running || interval <= 0 || now.Sub(start) <= interval {
		return m.state
	}
	took := now.Sub(start)
	if took-interval <= longestMargin {
		took = interval
	}
	line := fmt.Sprintf("Run Loop Overdue: Execute #%d is still running after %s. Interval: %s", m.d.Iteration(), round(took), interval)
	if m.overrun.told {
		m.d.Logf("%s", line)
		m.d.alerts.Note(kindOverrun, line)
		m.overrun.pause = min(2*m.overrun.pause, longestReminder)
	} else {
		m.d.alert(kindOverrun, line)
		m.overrun = overrun{told: true, pause: firstReminder}
	}
	m.timers.set(overdueAt, now.Add(m.overrun.pause))
	return m.state
}

// endIteration counts the ticks that an iteration ran over, and logs an overrun;
// it is alerted, unless that was done while it ran. Its error is the schedule's.
func (m *machine) endIteration(e event) error {
	m.timers.clear(iterationTimeoutAt, overdueAt)
	err := m.endSchedule()
	pacing := m.d.pacing()
	overran := pacing.Overran(e.took)
	if pacing.HasGrid() {
		m.d.counters.countOverrun(overran)
	}
	switch {
	case overran:
		line := fmt.Sprintf("Run Loop Taking Too Long. Duration: %s Interval: %s", round(e.took), pacing.Interval)
		if m.overrun.told {
			m.d.Logf("%s", line)
			m.d.alerts.Note(kindOverrun, line)
		} else {
			m.d.alert(kindOverrun, line)
		}
	case pacing.NearLimit(e.took):
		m.d.Logf("Warning: Run Loop Near Max Allowed Duration. Duration: %s Interval: %s", round(e.took), pacing.Interval)
	}
	return err
}
