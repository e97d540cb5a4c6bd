package core

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

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
	next := m.d.program(m.args)
	m.trial.start(m.d.host.Clock, cause, func(ctx context.Context) error {
		return m.d.host.Starter.Try(ctx, next)
	}, m.d.queue.post)
}

func (m *machine) onTrialPassedIdle(e event) state {
	m.trial.returned()
	if !m.ending.plan.restart {
		m.ending.decide(plan{restart: true, cause: e.cause})
	}
	m.d.Logf("Restarting: %s", e.cause)
	return m.tearDown()
}

func (m *machine) onTrialPassedBusy(e event) state {
	m.trial.returned()
	m.ending.decide(plan{restart: true, cause: e.cause})
	m.jobs.repeat(false)
	m.timers.clear(restartAt, housekeepingAt, iterationTimeoutAt)
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	m.d.Logf("Restarting: %s, as soon as Execute #%d has finished", e.cause, m.d.Iteration())
	return stateDraining
}

func (m *machine) onTrialRefused(e event) state {
	m.trial.returned()
	text := fmt.Sprintf("Restart Refused: the binary %s would not start. The running one goes on.\n%v",
		m.d.host.Process.Executable, e.err)
	m.d.alert(subjectAlert, text)
	m.d.reply("restart", replyRefused, text)
	m.awaitRestartInterval()
	return m.state
}

// onTrialRefusedResume: the daemon has no better choice after its error than
// to go on with the next tick.
func (m *machine) onTrialRefusedResume(e event) state {
	m.onTrialRefused(e)
	m.ending.decide(plan{})
	m.becomeReady()
	m.setTick()
	return stateSleeping
}

// replace executes the next program in this one's place. A stop that has come
// in the meantime ends the daemon instead.
func (m *machine) replace() state {
	m.lease.stop()
	if m.ending.plan.noLease { // nor is the PID file ours, if another process has the lock by now
		m.lease.release()
		m.lease = nil
		m.removePIDFile()
		m.inherited = nil
	}
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
	m.d.alert(subjectAlert, fmt.Sprintf("Restart Refused: the binary %s could not be executed. The running one goes on.\n%v",
		m.d.host.Process.Executable, err))
	m.d.reply("restart", replyRefused, fmt.Sprintf("the restart failed: %v", err))
	return m.resumeAfterFailedExec()
}

// resumeAfterFailedExec takes up the work in the old program.
func (m *machine) resumeAfterFailedExec() state {
	noLease := m.ending.plan.noLease
	m.ending.decide(plan{})
	m.ending.forced = false
	m.jobs.renewContext()
	if noLease {
		m.askForLease()
		return stateChecking
	}
	m.renewLease()
	m.startSetup()
	return stateSettingUp
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
		Mails:    m.d.alerts.pending(),
	}
	if m.ready { // else there is no schedule yet
		h.Schedule = m.schedule.State(now)
	}
	next := m.d.program(m.args)
	if err := m.handOff(&h, &next); err != nil {
		return err
	}
	var err error
	if next.State, err = json.Marshal(h); err != nil {
		return fmt.Errorf("hand over to the next program: %w", err)
	}
	m.d.log.Close()
	return m.d.host.Self.Exec(next)
}

// handOff passes on what must not be free for an instant.
func (m *machine) handOff(h *handover, next *reexec.Program) error {
	value, file, err := m.pid.handoff()
	if err != nil {
		return err
	}
	h.PIDFile = value
	passOn(next, file)
	if m.lease == nil {
		return nil
	}
	handoff, err := m.lease.lease.Handoff()
	if err != nil {
		return err
	}
	h.Lease = &handoff.Value
	passOn(next, handoff.File)
	return nil
}

func passOn(next *reexec.Program, f *os.File) {
	if f != nil {
		next.Files = append(next.Files, f)
	}
}
