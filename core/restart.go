package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/evertick/evertick/forker/reexec"
)

func (m *machine) onRestartAsked(e event) state {
	if !m.trial.running {
		m.d.Logf("Restart Asked: %s", e.cause)
		m.startTrial(e.cause)
	}
	return m.state
}

// startTrial has a child find out whether the next program would start, unless
// one does so already.
func (m *machine) startTrial(cause string) {
	m.notify("RELOADING=1")
	next := m.d.program(m.args)
	m.trial.start(m.d.host.Clock, cause, func(ctx context.Context) error {
		return m.d.host.Starter.Try(ctx, next)
	}, m.version, m.d.queue.post)
}

// version returns which program is at the path of this one now.
func (m *machine) version() string {
	return m.d.host.Starter.Version(m.d.host.Process.Executable)
}

// triedAnother reports whether another program is at the path by now than the
// one that was tried for this restart.
func (m *machine) triedAnother() bool {
	tried := m.ending.plan.tried
	return tried != "" && tried != m.version()
}

func (m *machine) logChanged() {
	m.d.Logf("Restart Put Off: the binary %s has changed since it was tried: it is tried again", m.d.host.Process.Executable)
}

// onRestartNow: the back-off after an error is cut short for somebody who asks.
func (m *machine) onRestartNow(e event) state {
	if !m.trial.running {
		m.d.Logf("Restart Asked: %s", e.cause)
		m.clearTimeout(backOffAt)
		m.startTrial(m.ending.plan.cause)
	}
	return m.state
}

// onRestartTooLate: a restart that is under way answers for this one, too; one
// that sets up again restarts then; a daemon that stops says so.
func (m *machine) onRestartTooLate(e event) state {
	switch plan := m.ending.plan; {
	case plan.resume:
		return m.onRestartLater(e)
	case !plan.restart:
		m.d.Logf("Restart Refused: %s: the daemon is shutting down", e.cause)
		m.d.reply("restart", replyRefused, "the daemon is shutting down")
	}
	return m.state
}

// onTrialPassedEarly: the daemon is not ready yet, or not again after an exec
// that failed; the restart follows then.
func (m *machine) onTrialPassedEarly(e event) state {
	m.trial.returned()
	return m.onRestartLater(e)
}

// onTrialReturnedLate: the daemon has decided meanwhile what comes next. Where
// that is a trial, it starts once more, now that this one is over.
func (m *machine) onTrialReturnedLate(event) state {
	m.trial.returned()
	return m.state
}

// onTrialPassedStandby: an attempt at the lock that is under way may have won
// it, so its return is waited for.
func (m *machine) onTrialPassedStandby(e event) state {
	if !m.jobs.running {
		return m.onTrialPassedIdle(e)
	}
	m.trial.returned()
	m.ending.decide(plan{restart: true, tried: e.version, cause: e.cause})
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	m.d.Logf("Restarting: %s", e.cause)
	m.jobs.interrupt(fmt.Errorf("restart: %s", e.cause))
	return stateDraining
}

func (m *machine) onTrialPassedIdle(e event) state {
	m.trial.returned()
	if !m.ending.plan.restart {
		m.ending.decide(plan{restart: true, cause: e.cause})
	}
	m.ending.plan.tried, m.ending.plan.trial = e.version, false
	m.d.Logf("Restarting: %s", e.cause)
	return m.tearDown()
}

func (m *machine) onTrialPassedBusy(e event) state {
	m.trial.returned()
	m.ending.decide(plan{restart: true, tried: e.version, cause: e.cause})
	m.jobs.repeat(false)
	m.timers.clear(restartAt, housekeepingAt)
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	m.d.Logf("Restarting: %s, as soon as Execute #%d has finished", e.cause, m.d.Iteration())
	return stateDraining
}

func (m *machine) onTrialRefused(e event) state {
	text := fmt.Sprintf("Restart Refused: %s. The running one goes on.\n%v", m.refusal(e.err), e.err)
	m.d.alert(kindRefused, text)
	m.endTrial(text)
	m.awaitRestartInterval()
	return m.state
}

// refusal returns what has come of a trial.
func (m *machine) refusal(err error) string {
	switch {
	case errors.Is(err, reexec.ErrRefused): // which need not be the binary's fault
		return "the checks of the new program failed"
	case errors.Is(err, reexec.ErrNoResources):
		return fmt.Sprintf("the binary %s could not be tried", m.d.host.Process.Executable)
	}
	return fmt.Sprintf("the binary %s would not start", m.d.host.Process.Executable)
}

// endTrial notes that a trial was refused, and tells who waits for that.
func (m *machine) endTrial(text string) {
	m.trial.returned()
	m.d.reply("restart", replyRefused, text)
	if m.notified == "RELOADING=1" {
		m.notify("READY=1")
	}
}

// onTrialRefusedResume: the daemon has no better choice after its error than
// to go on with the next tick, if it can.
func (m *machine) onTrialRefusedResume(e event) state {
	m.onTrialRefused(e)
	if m.jobs.mayStillRun() {
		pause := m.backoff(m.trialsRefused)
		m.trialsRefused++
		m.d.Logf("Error: what was abandoned may still be running, so nothing starts beside it here: the next program is tried again in %s", round(pause))
		m.setTimeout(backOffAt, pause)
		return stateRestarting
	}
	m.trialsRefused = 0
	if m.jobs.interrupted || m.setupFailed { // what Setup has started may have ended with its context
		m.ending.decide(plan{resume: true, cause: "setting up again"})
		return m.tearDown()
	}
	m.ending.decide(plan{})
	m.becomeReady()
	m.setTick()
	return stateSleeping
}

// resume sets up again in this program, after a teardown. Beside what was
// abandoned it cannot, and that is the end.
func (m *machine) resume() state {
	if m.jobs.mayStillRun() || !m.warmUp.latest.returned() {
		if m.lease != nil && !m.ending.plan.noLease { // mail may take longer than the lease lives
			m.lease.stop()
			m.renewLease()
		}
		m.d.alert(kindShutdown, "Shutting Down: what was abandoned may still be running, so nothing can start beside it here")
		m.ending.decide(plan{code: 1, bare: true, cause: "nothing can start beside what was abandoned"})
		return m.tearDown()
	}
	noLease := m.d.set.lock != nil && m.lease == nil // one that was handed over may still be taken
	m.resumed = true
	m.ending.decide(plan{})
	m.ending.forced = false
	m.jobs.renewContext()
	if noLease {
		m.askForLease()
		return stateChecking
	}
	m.lease.stop()
	m.renewLease()
	if m.failed.checks != "" {
		return m.awaitNextChecks()
	}
	m.startSetup()
	return stateSettingUp
}

// awaitNextChecks waits for the next trial, now that the lock is held: this
// program must not set up.
func (m *machine) awaitNextChecks() state {
	m.d.alerts.UseSpool() // the lock is ours, and so is what waits there
	m.ending.decide(plan{restart: true, cause: "the checks failed"})
	if !strings.HasPrefix(m.notified, "READY=1") { // which a supervisor waits for
		m.notify("READY=1")
	}
	if cause := m.restartAfterSetup; cause != "" {
		m.restartAfterSetup = ""
		m.startTrial(cause)
	} else {
		m.setTimeout(backOffAt, m.backoff(m.failed.inARow))
		m.failed.inARow++ // for an exec that fails
	}
	return stateRestarting
}

// replace executes the next program in this one's place. A stop that has come
// in the meantime ends the daemon instead.
func (m *machine) replace() state {
	m.lease.stop()
	if m.givesLeaseUp() { // by now
		return m.giveUpLease()
	}
	m.watcher.suspend()
	m.d.host.Signals.Quiesce(m.ignoredAtExec()...)
	if m.d.queue.drop(stopAsked) {
		m.d.Logf("Shutting Down: a signal to stop came during the restart")
		m.listen()
		m.ending.decide(plan{cause: "a signal to stop"})
		return m.tearDown() // again, for the end's part of it
	}
	err := m.exec()
	if err == nil {
		m.ending.replaced = true
		return stateEnded
	}
	m.listen()
	m.d.log.Open()
	m.d.alerts.Resume()
	if errors.Is(err, reexec.ErrChanged) {
		m.logChanged()
		m.restartAfterSetup = m.ending.plan.cause
		return m.resume()
	}
	m.d.alert(kindRefused, fmt.Sprintf("Restart Refused: the binary %s could not be executed. The running one goes on.\n%v",
		m.d.host.Process.Executable, err))
	m.d.reply("restart", replyRefused, fmt.Sprintf("the restart failed: %v", err))
	return m.resume()
}

// exec hands everything over. It returns only when that fails.
func (m *machine) exec() error {
	now, boot := m.d.host.Clock.Now(), m.d.host.Clock.Boot()
	s := m.d.counters.stats(now)
	h := handover{
		Boot:       boot,
		Iterations: s.Iterations, Overruns: s.Overruns, Missed: s.Missed, Failures: s.Failures,
		Started:  m.d.startedAt,
		Restarts: m.d.history.snapshot(m.ending.plan.cause),
		Alerts:   m.d.alerts.Freeze(),
	}
	if m.ready { // else there is no schedule yet
		m.passSchedule(&h, now)
	}
	next := m.d.program(m.args)
	if !m.jobs.mayStillRun() { // else there is no way back to a further trial
		next.Version = m.ending.plan.tried
	}
	if err := m.handOff(&h, &next); err != nil {
		return err
	}
	m.d.log.Close()
	h.Log = m.d.log.Held()
	var err error
	if next.State, err = json.Marshal(h); err != nil {
		return fmt.Errorf("hand over to the next program: %w", err)
	}
	return m.d.host.Self.Exec(next)
}

// passSchedule passes on where the schedule stands.
func (m *machine) passSchedule(h *handover, now time.Time) {
	switch s := m.schedule.(type) {
	case gridTicks:
		h.Schedule = s.State(now)
	case *calendarTicks:
		state := s.State()
		h.Calendar = &state
	}
}

// handOff passes on what must not be free for an instant.
func (m *machine) handOff(h *handover, next *reexec.Program) error {
	value, file, err := m.pid.handoff()
	if err != nil {
		return err
	}
	h.PIDFile = value
	passOn(next, file)
	if !m.ending.plan.noLease { // else they are about to end
		children, err := m.d.children.Handoff()
		if err != nil {
			return err
		}
		h.Children = children.Value
		next.Files = append(next.Files, children.Files...)
	}
	if m.inherited != nil {
		m.passInheritance(h)
	}
	if m.lease == nil {
		return nil
	}
	handoff, err := m.lease.lease.Handoff()
	if err != nil {
		return err
	}
	h.Lease, h.LeaseSince = &handoff.Value, m.lease.owner.Since
	passOn(next, handoff.File)
	return nil
}

// passInheritance passes on what the program before handed over and this one
// has not come to use: its descriptors are open still.
func (m *machine) passInheritance(h *handover) {
	if !m.pid.locked() {
		h.PIDFile = m.inherited.PIDFile
	}
	if m.lease == nil {
		h.Lease, h.LeaseSince = m.inherited.Lease, m.inherited.LeaseSince
	}
	if !m.ready {
		since := h.Boot - m.inherited.Boot
		h.Calendar = m.inherited.Calendar
		h.Schedule = m.inherited.Schedule
		h.Schedule.GridAge += since
		h.Schedule.DueIn -= since
	}
}

func passOn(next *reexec.Program, f *os.File) {
	if f != nil {
		next.Files = append(next.Files, f)
	}
}
