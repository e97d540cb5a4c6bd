package core

import "fmt"

// renewedSince reports whether the lease was renewed after the deadline that e
// is of was set, and sets it again if so.
func (m *machine) renewedSince(e event) bool {
	if e.cause != causeNotRenewed || m.lease == nil || m.lease.expired() {
		return false
	}
	m.watchLease()
	return true
}

// onLeaseLost stops executing before another process can have the lock.
func (m *machine) onLeaseLost(e event) state {
	if m.renewedSince(e) {
		return m.state
	}
	m.decideLeaseLost(e)
	m.jobs.interrupt(fmt.Errorf("lock lost: %s", e.cause))
	m.setTimeout(timeUpAt, grace)
	m.ending.forced = true
	return stateDraining
}

func (m *machine) onLeaseLostIdle(e event) state {
	if m.renewedSince(e) {
		return m.state
	}
	m.decideLeaseLost(e)
	return m.tearDown()
}

// onLeaseLostTearingDown: nothing executes any more, but what follows must know.
func (m *machine) onLeaseLostTearingDown(e event) state {
	if !m.renewedSince(e) {
		m.loseLeaseInTeardown(e.cause)
	}
	return m.state
}

func (m *machine) decideLeaseLost(e event) {
	m.jobs.repeat(false)
	m.timers.clear(leaseAt, iterationTimeoutAt, backOffAt)
	text := fmt.Sprintf("Lock Lost: %s: %s", m.d.set.lock, e.cause)
	switch {
	case m.ending.plan.cause != "" && !m.ending.plan.restart: // we are leaving anyway
		m.d.Logf("%s", text)
	case m.d.restartsByItself():
		m.d.alert(subjectAlert, text+"\nRestarting to win it again")
		m.ending.decide(plan{restart: true, noLease: true, cause: "lock lost"})
	default:
		m.d.alert(subjectShutdown, text+"\nShutting Down: without -d or a supervisor there is no automatic restart")
		m.ending.decide(plan{code: 1, cause: "lock lost"})
	}
}
