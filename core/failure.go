package core

import (
	"fmt"
	"path/filepath"
	"time"
)

// probation is the run time below which a fatal error is no bad luck but a bad
// start.
const probation = 10 * time.Second

// onFatal decides what a fatal error leads to.
func (m *machine) onFatal(line string) state {
	return m.follow(m.planAfterError(line, "fatal error", m.d.history.readyFor(m.d.host.Clock.Boot())))
}

// afterDeath goes on as after a fatal error of the process that has died: with a
// restart, after a pause, or not at all.
func (m *machine) afterDeath() state {
	m.deathTold = true
	m.setupFailed = true // should the next program be refused, this one sets up
	plan, inARow := m.planAfterError(m.death, "death", m.d.history.readyFor(m.d.begunAt))
	if plan.restart {
		m.startWatcher()
		if m.d.set.standby && m.lease != nil {
			return m.pauseWithoutLock(plan, inARow)
		}
	}
	m.d.alerts.UseSpool() // after the alert of a standby: whether it finds the spool read must not be chance
	return m.follow(plan, inARow)
}

// pauseWithoutLock gives lock and PID file up for the pause, so that another process that
// stands by can take over meanwhile. The next program must win the lock again.
func (m *machine) pauseWithoutLock(plan plan, inARow int) state {
	plan.noLease = true
	m.ending.decide(plan)
	m.ending.pauses, m.ending.inARow = true, inARow
	m.d.life.change(func(s *lifeState) { s.Waits = filepath.Base(m.pid.path) })
	return m.giveUpLease()
}

// follow carries out what planAfterError has decided.
func (m *machine) follow(plan plan, inARow int) state {
	m.ending.decide(plan)
	if !plan.restart {
		return m.tearDown()
	}
	m.setTimeout(backOffAt, m.backoff(inARow))
	return stateRestarting
}

// planAfterError logs and alerts an error, or a death, together with what follows from
// it, by how long the daemon had been ready before it. inARow is how many errors led to
// a restart before it.
func (m *machine) planAfterError(line, cause string, readyFor time.Duration) (p plan, inARow int) {
	now := m.d.host.Clock.Boot()
	set := &m.d.set
	var refusal string
	allowed := false
	switch {
	case !m.d.restartsByItself():
		refusal = "without -d or a supervisor there is no automatic restart"
	case readyFor < probation:
		refusal = fmt.Sprintf("it came within the first %s of run time", probation)
	default:
		refusal = fmt.Sprintf("there were %d restarts after errors within %s already", set.maxRestarts, set.restartWindow)
		inARow, allowed = m.d.history.errorRestart(now, set.restartWindow, set.maxRestarts)
	}
	if !allowed {
		m.d.alert(kindShutdown, m.withDeath(fmt.Sprintf("%s\nShutting Down: %s, and %s", line, cause, refusal)))
		return plan{code: 1, cause: cause}, 0
	}
	m.tellWatcher()
	m.d.alert(kindFatal, fmt.Sprintf("%s\nRestarting after a %s", line, cause))
	return plan{restart: true, cause: cause}, inARow
}

func (m *machine) onBackedOff(event) state {
	m.startTrial(m.ending.plan.cause)
	return stateRestarting
}

// onIterationTimeout handles an iteration that runs for too long. At interval 0
// the deadline may have been set for an earlier iteration.
func (m *machine) onIterationTimeout(event) state {
	timeout := m.d.set.iterationTimeout
	if !m.iterationIsLate() {
		return stateExecuting
	}
	line := fmt.Sprintf("Error: Execute #%d has run for longer than its time-out of %s", m.d.Iteration(), timeout)
	plan, _ := m.planAfterError(line, "fatal error", probation)
	plan.trial = plan.restart
	m.ending.decide(plan)
	m.jobs.repeat(false)
	m.setTimeout(timeUpAt, grace)
	m.force(fmt.Sprintf("time-out of %s reached", timeout))
	return stateDraining
}

// iterationIsLate reports whether the running iteration has reached its
// time-out, and sets the deadline again if it has not.
func (m *machine) iterationIsLate() bool {
	timeout := m.d.set.iterationTimeout
	started, running := m.d.counters.startOfRunning()
	if !running {
		m.timers.setAfter(iterationTimeoutAt, timeout)
		return false
	}
	if due := started.Add(timeout); m.d.host.Clock.Now().Before(due) {
		m.timers.set(iterationTimeoutAt, due)
		return false
	}
	return true
}

// onIterationTimeoutDraining: the time-out counts while a restart waits for the
// iteration, too. A stop has a time-out of its own.
func (m *machine) onIterationTimeoutDraining(event) state {
	if !m.ending.plan.restart || m.ending.forced || !m.jobs.running || !m.iterationIsLate() {
		return m.state
	}
	m.force(fmt.Sprintf("time-out of %s reached", m.d.set.iterationTimeout))
	m.setTimeout(timeUpAt, grace)
	return m.state
}
