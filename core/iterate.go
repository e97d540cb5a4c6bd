package core

import (
	"fmt"
)

func (m *machine) onTick(e event) state {
	m.timers.clear(tickAt)
	now, wall := m.scheduleTime()
	early := now.Before(m.schedule.Next())
	if early && (e.kind == tickDue || m.recentlyCounted(now)) { // or a wake-up came between
		m.setTick()
		return stateSleeping
	}
	missed, run, err := m.schedule.Begin(now, wall, e.kind == woken)
	if err != nil {
		return m.onFatal("Error: " + describe(err))
	}
	if missed > 0 {
		m.countMissed(now, missed)
		m.d.Logf("Warning: Missed %d Ticks. The process was stopped or suspended, or restarted slowly.", missed)
	}
	if !run {
		m.setTick()
		return stateSleeping
	}
	if m.lease.expired() {
		m.d.queue.post(event{kind: leaseLost, cause: causeNotRenewed})
		m.setTick()
		return stateSleeping
	}
	if timeout := m.d.set.iterationTimeout; timeout > 0 {
		m.timers.set(iterationTimeoutAt, now.Add(timeout))
	}
	m.noteInterval()
	m.awaitOverdue(now)
	repeats := m.d.set.pacing.Interval == 0 && m.d.set.calendar == nil && e.kind == tickDue
	m.jobs.repeat(repeats)
	m.jobs.start(executed, m.jobs.ctx, nil)
	m.jobs.todo.before = m.keepTick()
	if lease := m.lease; lease != nil && repeats {
		m.jobs.todo.again = func() bool { return !lease.expired() }
	}
	return stateExecuting
}

func (m *machine) onExecuted(e event) state {
	broken := m.endIteration(e)
	fatal := m.health.executed(e.err != nil, e.succeeded, m.d.set.maxFailures)
	if e.err != nil {
		line := fmt.Sprintf("Error: Execute #%d: %s", m.d.Iteration(), describe(e.err))
		if fatal {
			return m.onFatal(line)
		}
		m.d.alert(kindFailure, fmt.Sprintf("%s\nTolerated: failure %d in a row of %d.", line, m.health.failures, m.d.set.maxFailures))
	}
	if broken != nil { // described already
		return m.onFatal(fmt.Sprintf("Error: %v", broken))
	}
	m.setTick()
	return stateSleeping
}
