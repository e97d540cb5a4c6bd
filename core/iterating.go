package core

import (
	"fmt"
	"time"
)

// limitGrace is how long an iteration that has reached its time limit, or was
// forced, may take to heed its cancelled context.
const limitGrace = time.Second

// wakeGrace is how long after missed ticks were made up for a SIGCONT may still
// be the one that ended their cause, SIGSTOP: the kernel delivers it in its own
// time, before or after the overdue tick is noticed. It wakes nobody then.
const wakeGrace = 100 * time.Millisecond

// aim sets the deadline of the next tick.
func (m *machine) aim() { m.deadlines[tickAt] = m.sched.due }

func (m *machine) onTick(e event) State {
	m.clear(tickAt)
	now := m.host.Clock.Now()
	if e.kind == TickDue && now.Before(m.sched.due) { // a wake-up came between
		m.aim()
		return StateSleeping
	}
	if e.kind == Woken && now.Before(m.sched.due) && !m.madeUp.IsZero() && now.Sub(m.madeUp) < wakeGrace {
		m.aim()
		return StateSleeping
	}
	missed, run := m.sched.start(now, e.kind == Woken)
	if missed > 0 {
		m.madeUp = now
		m.account.count(&m.account.missed, missed)
		m.Logf("Warning: Missed %d Ticks. The process was stopped or suspended, or restarted slowly.", missed)
	}
	if !run {
		m.aim()
		return StateSleeping
	}
	if m.keeper.expired() {
		m.mail.post(event{kind: LeaseLost, cause: deadlineEvents[leaseAt].cause})
		m.aim()
		return StateSleeping
	}
	if m.set.timeLimit > 0 {
		m.deadlines[limitAt] = now.Add(m.set.timeLimit)
	}
	m.worker.keep.Store(m.set.interval == 0 && e.kind == TickDue)
	m.start(Executed, m.ctx, nil)
	return StateExecuting
}

func (m *machine) onExecuted(e event) State {
	m.settle(e)
	if e.err == nil {
		m.streak = 0
		m.aim()
		return StateSleeping
	}
	m.streak++
	line := fmt.Sprintf("Error: Execute #%d: %s", m.Iteration(), describe(e.err))
	if m.streak < m.set.tolerate {
		m.alert(subjectAlert, fmt.Sprintf("%s\nTolerated: failure %d in a row of %d.", line, m.streak, m.set.tolerate))
		m.aim()
		return StateSleeping
	}
	return m.fatal(line)
}

// settle closes an iteration's account: the lines about overruns, and the
// ticks that it ran over.
func (m *machine) settle(e event) {
	m.clear(limitAt)
	now := m.host.Clock.Now()
	if missed := m.sched.finish(now); missed > 0 {
		m.madeUp = now
		m.account.count(&m.account.missed, missed)
	}
	interval := m.set.interval
	if interval == 0 || m.set.paced&pacedAfter != 0 {
		return
	}
	switch {
	case e.took > interval:
		m.account.count(&m.account.overruns, 1)
		m.alert(subjectAlert, fmt.Sprintf("Run Loop Taking Too Long. Duration: %s Interval: %s", round(e.took), interval))
	case e.took > interval*9/10:
		m.Logf("Warning: Run Loop Near Max Allowed Duration. Duration: %s Interval: %s", round(e.took), interval)
	}
}

// round keeps three decimals of a second, or what is left of a shorter time.
func round(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

// onLimit handles an iteration that runs for too long. At interval 0 the
// deadline may have been set for an earlier iteration.
func (m *machine) onLimit(event) State {
	started := m.account.started.Load()
	if started == 0 {
		m.after(limitAt, m.set.timeLimit)
		return StateExecuting
	}
	due := m.epoch.Add(time.Duration(started - 1)).Add(m.set.timeLimit)
	if m.host.Clock.Now().Before(due) {
		m.deadlines[limitAt] = due
		return StateExecuting
	}
	line := fmt.Sprintf("Error: Execute #%d has run for longer than its time limit of %s", m.Iteration(), m.set.timeLimit)
	m.plan = m.planAfterError(line, 0)
	m.plan.trial = m.plan.restart
	m.worker.keep.Store(false)
	m.after(timeUpAt, limitGrace)
	m.force(fmt.Sprintf("time limit of %s reached", m.set.timeLimit))
	return StateDraining
}

// onHousekeeping looks after what others may have touched, and after memory.
func (m *machine) onHousekeeping(event) State {
	m.after(housekeepingAt, m.housekeepingPause())
	if m.pid != nil {
		restored, err := m.pid.Restore()
		if err != nil && !m.strange {
			m.Logf("Error: %v", err)
		}
		if m.strange = err != nil; restored {
			m.Logf("Warning: PID file %s was gone: it has been written again", m.Path(m.cmd.pidFile))
		}
	}
	if m.set.restartAbove > 0 && m.autoRestart() {
		m.weigh()
	}
	return m.state
}

// memoryLooks is how many looks in a row must find too much memory.
const memoryLooks = 5

func (m *machine) weigh() {
	now, _ := m.host.Processes.Resident()
	if now <= m.set.restartAbove {
		m.high = 0
		return
	}
	if m.high++; m.high == memoryLooks {
		m.high = 0
		m.Restart(fmt.Sprintf("resident memory %d MB above %d MB", now>>20, m.set.restartAbove>>20))
	}
}

// housekeepingPause is 0 where there is nothing to look after.
func (m *machine) housekeepingPause() time.Duration {
	switch {
	case m.set.restartAbove > 0:
		return time.Second
	case m.pid != nil:
		return 10 * time.Second
	default:
		return 0
	}
}
