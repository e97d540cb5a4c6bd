package core

import "fmt"

// noteFailedChecks alerts that checks have failed, and reports whether they are
// tried again.
func (m *machine) noteFailedChecks(what string) bool {
	plan, inARow := m.planAfterError("Error: "+what, "fatal error", m.d.history.readyFor(m.d.host.Clock.Boot()))
	m.failed = failedChecks{checks: what, inARow: inARow}
	m.d.reply("restart", replyRefused, what)
	return plan.restart
}

// onTrialRefusedAgain: the next program would not start either, or this one has
// failed in another way.
func (m *machine) onTrialRefusedAgain(e event) state {
	if m.failed.checks == "" {
		return m.onTrialRefusedResume(e)
	}
	m.endTrial(fmt.Sprintf("%s\n%v", m.refusal(e.err), e.err))
	if !m.noteFailedChecks(fmt.Sprintf("%s\n%v", m.refusal(e.err), e.err)) {
		m.ending.decide(plan{code: 1, cause: "fatal error"})
		return m.tearDown()
	}
	return m.awaitNextChecks()
}
