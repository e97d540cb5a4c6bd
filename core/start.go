package core

import (
	"errors"
	"fmt"
	"strings"

	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/lock"
)

// begin starts the life of this program.
func (m *machine) begin() {
	m.state = stateChecking
	m.watchdog.every = m.d.host.Supervisor.Watchdog() / 2
	if m.inherited != nil {
		m.d.log.Open() // it was ours before, so errors of the start belong there
		m.d.adoptChildren()
	}
	if m.inherited != nil && m.inherited.Died == 0 { // what follows a death is to be counted first: else a bad start would be repeated without a pause
		m.startWatcher()
	}
	m.jobs.start(checked, m.jobs.ctx, m.d.checkEnvironment)
	m.jobs.begin()
}

func (m *machine) onChecked(e event) state {
	if e.err != nil && !m.mayTryAgain() {
		return m.refuseStart(problems(e.err))
	}
	if e.err != nil && !m.noteFailedChecks("the checks of this program failed: "+problems(e.err)) {
		return m.exit(1)
	}
	m.askForLease()
	return stateChecking
}

// refuseStart ends a start that cannot go on. The log is told, too, where it
// is ours already, because that is where people look after a restart.
func (m *machine) refuseStart(message string) state {
	switch {
	case m.state == stateStandby || m.inherited != nil: // nobody watches any more
		m.d.log.Open()
		m.d.alert(kindShutdown, m.withDeath("Shutting Down: "+message))
		if m.lease != nil {
			m.d.alerts.UseSpool()
		}
	case m.d.log.Opened():
		m.d.Logf("Error: %s", message)
	}
	m.d.refuse(message)
	return m.exit(1)
}

func (m *machine) onLeased(e event) state {
	m.keepLease()
	if e.err != nil { // also those that a restart has spared do not go on without the lock
		m.d.stopChildrenBy(grace)
	}
	switch held := errors.Is(e.err, lock.ErrHeld); {
	case held && (m.d.set.standby || m.heldByFormerLease(e.err) || m.waitsOut()):
		return m.waitForHolder(e.err)
	case held:
		line := fmt.Sprintf("Shutting Down: Lock Detected. Details: %v", e.err)
		m.d.Logf("%s", line)
		m.d.reportStart(reexec.Report{Message: m.d.log.Format(line)})
		return m.exit(0)
	case e.err != nil && m.standsByInOutage(e.err):
		return m.waitOutage(e.err)
	case e.err != nil:
		return m.refuseStart(e.err.Error())
	}
	m.clearTimeout(backOffAt)
	err := m.open()
	if err != nil && !m.mayTryAgainAfter(err) {
		return m.refuseStart(err.Error())
	}
	if err != nil && m.failed.checks == "" && !m.noteFailedChecks("the start of this program failed: "+err.Error()) {
		return m.exit(1)
	}
	if m.death != "" && !m.deathTold && !m.resumed {
		m.tellWaitedOut()
		if m.failed.checks == "" {
			return m.afterDeath()
		}
		m.d.alert(kindFatal, m.death) // its restart is counted with the checks that failed
		m.deathTold = true
		m.startWatcher()
	}
	if m.failed.checks != "" {
		return m.awaitNextChecks()
	}
	m.d.Logf("Application Startup. PID: %d%s", m.d.PID(), m.startDetails())
	m.tellWaitedOut()
	if m.d.set.lock == nil && m.inherited == nil && !m.resumed {
		m.d.Logf("No Lock: several instances can run at once. Give one %s; null: says that none is wanted", m.d.set.place("lock"))
	}
	if every := m.d.set.restartEvery; every > 0 && !m.d.restartsByItself() && m.inherited == nil && !m.resumed {
		m.d.Logf("The restart interval of %s does not act: the daemon runs in the foreground, and no supervisor was detected. "+
			"It acts with -d, and under a supervisor that the program knows of", every)
	}
	m.startSetup()
	return stateSettingUp
}

// open takes what the daemon needs, now that the lock is ours; a second instance that
// is refused before that leaves no trace.
func (m *machine) open() error {
	if m.d.Detached() {
		if err := m.d.host.Self.Settle(); err != nil {
			return err
		}
	}
	err := m.lockPIDFile()
	if err != nil && !m.mayTryAgainAfter(err) {
		return err
	}
	m.d.log.Open()
	if former := m.pid.former(); former != 0 && !m.resumed {
		m.d.Logf("Warning: PID %d, whose PID file was still there, ended without cleaning up: it was killed, it crashed, or the machine went down", former)
	}
	if !m.d.set.standby || !m.followsDeath() { // else the lock may be given up for a pause
		m.d.alerts.UseSpool() // the lock is ours, and so is what waits there
	}
	m.beginLife()
	m.renewLease()
	return err
}

// mayTryAgainAfter is mayTryAgain for what came when the daemon took what it needs. A
// PID file that another process has is that one's for as long as it lives.
func (m *machine) mayTryAgainAfter(err error) bool {
	var locked *pidfile.LockedError
	return m.mayTryAgain() && !errors.As(err, &locked)
}

func (m *machine) startDetails() string {
	var b strings.Builder
	fmt.Fprintf(&b, " Interval: %s", m.d.set.pacingText())
	if m.d.set.version != "" {
		fmt.Fprintf(&b, " Version: %s", m.d.set.version)
	}
	if m.d.set.lock != nil {
		fmt.Fprintf(&b, " Lock: %s", m.d.set.lock)
	}
	if ignored := m.ignoredSignals(); ignored != "" {
		fmt.Fprintf(&b, " Ignored: %s, as by nohup", ignored)
	}
	if n := m.d.Restarts(); n > 0 {
		fmt.Fprintf(&b, " Restart: %d (%s)", n, m.d.history.lastCause())
	}
	return b.String()
}

// mayTryAgain reports whether checks or a Setup that fail lead to a restart, as an
// Execute does that fails: where the daemon was ready before. In the first program,
// and soon after its start, that is a bad start.
func (m *machine) mayTryAgain() bool {
	ready := m.d.history.readySince()
	return m.d.restartsByItself() && (m.inherited != nil || m.resumed) &&
		ready != 0 && m.d.host.Clock.Boot()-ready >= probation
}

func (m *machine) onSetUp(e event) state {
	if e.err != nil && m.mayTryAgain() {
		m.setupFailed = true
		m.d.reply("restart", replyRefused, e.err.Error())
		return m.onFatal("Error: " + describe(e.err))
	}
	if e.err != nil {
		m.d.alert(kindShutdown, "Shutting Down: "+describe(e.err))
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
