package core

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/lock"
)

// standbyPause is the time between two attempts at a lock that is held.
const standbyPause = 250 * time.Millisecond

// begin starts the life of this program.
func (m *machine) begin() {
	m.state = stateChecking
	if m.inherited != nil {
		m.d.log.Open() // it was ours before, so errors of the start belong there
	}
	m.jobs.start(checked, m.jobs.ctx, m.d.checkEnvironment)
	m.jobs.begin()
}

func (m *machine) onChecked(e event) state {
	if e.err != nil {
		return m.refuseStart(problems(e.err))
	}
	m.askForLease()
	return stateChecking
}

// refuseStart ends a start that cannot go on. The log is told, too, where it
// is ours already, because that is where people look after a restart.
func (m *machine) refuseStart(message string) state {
	switch {
	case m.state == stateStandby: // where the start has been reported as good
		m.d.log.Open()
		m.d.alert(subjectShutdown, "Shutting Down: "+message)
	case m.inherited != nil: // nobody watches a restart
		m.d.alert(subjectShutdown, "Shutting Down: "+message)
	case m.d.log.Opened():
		m.d.Logf("Error: %s", message)
	}
	m.d.refuse(message)
	return m.exit(1)
}

func (m *machine) onLeased(e event) state {
	switch {
	case errors.Is(e.err, lock.ErrHeld) && (m.d.set.standby || m.heldByFormerLease(e.err)):
		if m.state != stateStandby {
			m.d.Logf("Standing by. %v", e.err)
			m.d.reportStart(reexec.Report{Running: true, Message: "standing by: " + e.err.Error()})
		}
		m.outageLogged = false
		return m.standBy()
	case errors.Is(e.err, lock.ErrHeld):
		line := fmt.Sprintf("Shutting Down: Lock Detected. Details: %v", e.err)
		m.d.Logf("%s", line)
		m.d.reportStart(reexec.Report{Message: m.d.log.Format(line)})
		return m.exit(0)
	case e.err != nil && (m.state == stateStandby || m.inherited != nil || m.resumed):
		if !m.outageLogged {
			m.d.Logf("Warning: standing by, because the lock cannot be asked for: %v", e.err)
		}
		m.outageLogged = true
		return m.standBy()
	case e.err != nil:
		return m.refuseStart(e.err.Error())
	}
	m.clearTimeout(backOffAt)
	m.keepLease()
	if err := m.open(); err != nil {
		return m.refuseStart(err.Error())
	}
	m.d.Logf("Application Startup. PID: %d%s", m.d.pid(), m.startDetails())
	m.startSetup()
	return stateSettingUp
}

// heldByFormerLease reports whether what holds the lock is a lease that this
// process has lost and could not give back: its end is waited for.
func (m *machine) heldByFormerLease(err error) bool {
	var held *lock.HeldError
	return (m.resumed || m.d.Restarts() > 0) && errors.As(err, &held) &&
		held.Holder.PID == m.d.pid() && held.Holder.Host == m.d.host.Name
}

// standBy waits for a while before the lock is asked for again. A restart that
// was asked for meanwhile can go ahead.
func (m *machine) standBy() state {
	m.setTimeout(backOffAt, standbyPause)
	if cause := m.restartAfterSetup; cause != "" {
		m.restartAfterSetup = ""
		m.startTrial(cause)
	}
	return stateStandby
}

func (m *machine) onRetry(event) state {
	if !m.jobs.running {
		m.askForLease()
	}
	return stateStandby
}

// open takes what the daemon needs, now that the lock is ours; a second instance that
// is refused before that leaves no trace.
func (m *machine) open() error {
	if m.d.Detached() {
		if err := m.d.host.Self.Settle(); err != nil {
			return err
		}
	}
	if err := m.lockPIDFile(); err != nil {
		return err
	}
	m.d.log.Open()
	m.renewLease()
	return nil
}

func (m *machine) startDetails() string {
	var b strings.Builder
	if m.d.set.version != "" {
		fmt.Fprintf(&b, " Version: %s", m.d.set.version)
	}
	if m.d.set.lock != nil {
		fmt.Fprintf(&b, " Lock: %s", m.d.set.lock)
	}
	if n := m.d.Restarts(); n > 0 {
		fmt.Fprintf(&b, " Restart: %d (%s)", n, m.d.history.lastCause())
	}
	return b.String()
}

func (m *machine) onSetUp(e event) state {
	if e.err != nil {
		m.d.alert(subjectShutdown, "Shutting Down: "+describe(e.err))
		m.ending.decide(plan{code: 1, cause: "setup failed"})
		m.d.refuse(e.err.Error())
		return m.tearDown()
	}
	m.becomeReady()
	m.setTick()
	if cause := m.restartAfterSetup; cause != "" {
		m.restartAfterSetup = ""
		m.startTrial(cause)
	}
	return stateSleeping
}
