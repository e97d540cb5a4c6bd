package core

import (
	"fmt"
)

// renewedSince reports whether the lease was renewed after the deadline that e
// is of was set, and sets it again if so.
func (m *machine) renewedSince(e event) bool {
	if e.cause != causeNotRenewed || m.lease == nil || m.lease.expired() {
		return false
	}
	m.watchLease()
	return true
}

// noteLoss reports whether e tells of a loss that is news.
func (m *machine) noteLoss(e event) bool {
	if m.lease == nil || m.lease.lost || m.renewedSince(e) {
		return false
	}
	m.lease.lost = true
	return true
}

// onLeaseLost stops executing before another process can have the lock.
func (m *machine) onLeaseLost(e event) state {
	if !m.noteLoss(e) {
		return m.state
	}
	cause := fmt.Errorf("lock lost: %s", e.cause)
	if m.d.host.Hooks.Observe == nil { // nothing may hold it up, a log that hangs least of all; a harness wants an order
		m.jobs.cancel(cause)
	}
	m.decideLeaseLost(e)
	m.jobs.interrupt(cause)
	m.setTimeout(timeUpAt, m.lease.lossGrace())
	m.ending.forced = true
	return stateDraining
}

func (m *machine) onLeaseLostIdle(e event) state {
	if !m.noteLoss(e) {
		return m.state
	}
	m.decideLeaseLost(e)
	if m.jobs.mayStillRun() {
		return m.leaveAtOnce("what was abandoned")
	}
	return m.tearDown()
}

// onLeaseLostTearingDown: nothing executes any more, but what follows must know.
// What was abandoned may still execute.
func (m *machine) onLeaseLostTearingDown(e event) state {
	if !m.noteLoss(e) {
		return m.state
	}
	m.loseLeaseInTeardown(e.cause)
	m.d.stopChildrenBy(m.lease.lossGrace())
	if m.jobs.mayStillRun() {
		return m.leaveAtOnce("what was abandoned")
	}
	return m.state
}

func (m *machine) decideLeaseLost(e event) {
	m.jobs.repeat(false)
	m.timers.clear(leaseAt, iterationTimeoutAt, backOffAt)
	m.d.stopChildrenBy(m.lease.lossGrace())
	text := m.lossText(e.cause)
	switch {
	case m.ending.plan.cause != "" && !m.ending.plan.restart: // we are leaving anyway
		m.d.Logf("%s", text)
	case m.d.restartsByItself():
		m.d.alert(kindLock, text+"\nRestarting to win it again")
		m.ending.decide(plan{restart: true, noLease: true, cause: "lock lost"})
	default:
		m.d.alert(kindShutdown, text+"\nShutting Down: without -d or a supervisor there is no automatic restart")
		m.ending.decide(plan{code: 1, cause: "lock lost"})
	}
}

// leaveAtOnce ends what ignores the loss of the lock in the one way that does so
// for sure: the next program takes this one's place, or the process ends. Nothing
// is waited for: neither teardown, nor mail, nor the lock's store.
func (m *machine) leaveAtOnce(what string) state {
	m.d.Logf("Forced: the lock is lost, and %s does not return\n%s", what, stacks())
	m.timers.clearAll()
	m.trial.abort()
	m.d.cleanups.disown()
	if m.jobs.running {
		if m.jobs.todo.kind == executed {
			_ = m.endSchedule()
		}
		m.jobs.abandon()
	}
	m.d.killChildren()
	m.dropLease().stopSoon()
	m.forgetLease(true)
	if !m.ending.plan.restart {
		m.d.alert(kindShutdown, fmt.Sprintf("Error: %s ignores the loss of the lock: the process ends at once, without teardown, and the lock was not given back", what))
		return m.exit(1)
	}
	m.d.alert(kindLock, fmt.Sprintf("Error: %s ignores the loss of the lock: it is replaced at once, without teardown", what))
	return m.replaceAtOnce()
}

// replaceAtOnce executes the next program, or ends the process.
func (m *machine) replaceAtOnce() state {
	m.watcher.suspend()
	m.d.host.Signals.Quiesce(m.ignoredAtExec()...)
	if m.d.queue.drop(stopAsked) {
		m.listen()
		m.d.Logf("Shutting Down: a signal to stop came during the restart")
		return m.exit(1)
	}
	err := m.exec()
	if err == nil {
		m.ending.replaced = true
		return stateEnded
	}
	m.listen()
	m.d.log.Open()
	m.d.alerts.Resume()
	m.d.alert(kindShutdown, fmt.Sprintf("Shutting Down: the binary %s could not be executed: %v", m.d.host.Process.Executable, err))
	return m.exit(1)
}
