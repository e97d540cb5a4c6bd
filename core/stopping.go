package core

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
)

// releaseLimit bounds what is left to do after teardown: to give the lock
// back.
const releaseLimit = 2 * time.Second

func (m *machine) planStop(e event) {
	m.plan = plan{cause: e.cause}
	m.worker.keep.Store(false)
	m.deadlines = [numDeadlines]time.Time{leaseAt: m.deadlines[leaseAt]}
	if m.stopTry != nil {
		m.stopTry()
	}
}

// onStopEarly stops a daemon that has not executed yet: there is nothing to
// finish, so what runs is told to give up.
func (m *machine) onStopEarly(e event) State {
	m.planStop(e)
	m.Logf("Shutting Down: %s, before the start was complete", e.cause)
	m.after(timeUpAt, m.set.shutdownLimit)
	m.interrupt(errors.New(e.cause))
	return StateDraining
}

func (m *machine) onStopStandby(e event) State {
	if m.busy {
		return m.onStopEarly(e)
	}
	return m.onStopIdle(e)
}

func (m *machine) onStopIdle(e event) State {
	m.planStop(e)
	m.Logf("Shutting Down: %s", e.cause)
	return m.tearDownNow()
}

func (m *machine) onStopBusy(e event) State {
	m.planStop(e)
	m.Logf("Shutting Down: %s. Waiting up to %s for Execute #%d to finish", e.cause, m.set.shutdownLimit, m.Iteration())
	m.after(timeUpAt, m.set.shutdownLimit)
	return StateDraining
}

// onStopAgain: a stop during a restart makes an end of the restart; a second
// one forces; a third one waits for nothing.
func (m *machine) onStopAgain(e event) State {
	if m.plan.restart {
		m.plan.restart, m.plan.trial = false, false
		m.plan.cause = e.cause
		m.Logf("Shutting Down: %s, instead of restarting", e.cause)
		if m.state == StateTearingDown {
			m.leaving.Store(true)
			m.notify("STOPPING=1")
		}
		return m.state
	}
	if e.signal == nil { // the daemon's own Stop: only people grow impatient
		return m.state
	}
	if m.forced || m.state == StateTearingDown {
		m.forced = true
		m.Logf("Forced: %s once more: leaving at once", e.cause)
		return m.exit(1)
	}
	m.plan.code = 1
	m.force(e.cause + " once more")
	m.after(timeUpAt, limitGrace)
	return StateDraining
}

// onDrained: what the daemon waited for has returned.
func (m *machine) onDrained(e event) State {
	m.clear(timeUpAt)
	if e.kind == Executed {
		m.settle(e)
		if e.err != nil && !m.forced {
			m.alert(subjectAlert, fmt.Sprintf("Error: Execute #%d: %s", m.Iteration(), describe(e.err)))
		}
	}
	return m.afterDraining()
}

// onDrainedLease: a stop came while the lock was being asked for.
func (m *machine) onDrainedLease(e event) State {
	if e.err == nil {
		m.keepLease()
	}
	return m.onDrained(e)
}

func (m *machine) afterDraining() State {
	if m.plan.restart && m.plan.trial {
		m.newContext()
		m.forced = false
		if m.trying == "" {
			m.try(m.plan.cause)
		}
		return StateRestarting
	}
	return m.tearDownNow()
}

// onDrainLimit: the wait was in vain. First everybody is told; those that do
// not heed it are left behind.
func (m *machine) onDrainLimit(event) State {
	if !m.forced {
		m.plan.code = 1
		m.force(fmt.Sprintf("not finished within %s", m.set.shutdownLimit))
		m.after(timeUpAt, limitGrace)
		return StateDraining
	}
	if m.plan.restart {
		m.Logf("Error: Execute #%d does not return: it is left behind", m.Iteration())
		m.abandon()
		m.sched.finish(m.host.Clock.Now())
		return m.afterDraining()
	}
	m.Logf("Error: what was running does not return: leaving without teardown")
	m.abandon()
	m.plan.code = 1
	m.plan.bare = true
	return m.tearDownNow()
}

// tearDownNow starts teardown, whatever the plan is.
func (m *machine) tearDownNow() State {
	m.deadlines = [numDeadlines]time.Time{}
	m.after(timeUpAt, m.set.shutdownLimit)
	moment := HookInfo{Hook: HookShutdown, Iteration: m.Iteration(), Cause: m.plan.cause}
	if m.plan.restart {
		moment.Hook = HookRestart
		m.notify("RELOADING=1")
	} else {
		m.notify("STOPPING=1")
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.endTeardown = cancel
	m.forced = false
	bare := m.plan.bare
	m.leaving.Store(!m.plan.restart)
	m.start(TornDown, ctx, func(ctx context.Context) error {
		if !bare {
			m.aside.drain(ctx)
			m.tell(ctx, moment)
			m.tearDown(ctx)
		}
		if m.leaving.Load() {
			m.alerts.flush(ctx)
		}
		return nil
	})
	return StateTearingDown
}

func (m *machine) onTornDown(event) State { return m.conclude() }

// onTeardownLimit: as with draining, teardown is told first, and left behind
// if it does not heed that.
func (m *machine) onTeardownLimit(event) State {
	if !m.plan.restart {
		m.plan.code = 1
	}
	if !m.forced {
		m.force(fmt.Sprintf("teardown not finished within %s", m.set.shutdownLimit))
		m.endTeardown()
		m.after(timeUpAt, limitGrace)
		return StateTearingDown
	}
	m.Logf("Error: teardown does not return: it is left behind")
	m.abandon()
	return m.conclude()
}

// conclude carries out the plan, now that teardown is over.
func (m *machine) conclude() State {
	m.clear(timeUpAt)
	m.endTeardown()
	m.cancel(context.Canceled)
	if m.plan.restart {
		return m.replace()
	}
	return m.exit(m.plan.code)
}

// exit is the end of the process: what we hold is given back, and the last
// line of the log says the exit status.
func (m *machine) exit(code int) State {
	m.deadlines = [numDeadlines]time.Time{}
	if m.state == StateChecking || m.state == StateStandby { // no teardown has seen to it
		m.alerts.flush(context.Background())
	}
	m.takeUpTheRest()
	m.keeper.stop()
	m.keeper.release()
	m.removePID()
	if m.log.opened() {
		m.log.retry() // so that the last line is the last one in the file, too
		m.Logf("Shutdown Complete. Uptime: %s Iterations: %d Exit status: %d", m.uptime(), m.Iteration(), code)
		m.log.close()
	}
	// To whoever waits for the start, a daemon that was stopped before it was
	// ready has failed.
	m.reportStart(forker.Report{Code: max(code, 1), Message: m.name + ": ended before it was ready: " + m.plan.cause})
	m.code = code
	if m.host.Observe != nil {
		m.host.Observe(Observation{Kind: ObserveExit, Code: code})
	}
	return StateEnded
}

// takeUpTheRest takes up what the image before has handed over and this one has
// not come to use, so that it is given back with the rest.
func (m *machine) takeUpTheRest() {
	if m.next == nil {
		return
	}
	if m.next.PIDFile != nil {
		if err := m.claimPID(); err != nil {
			m.Logf("Error: %v", err)
		}
	}
	if m.next.Lease != nil && m.keeper == nil && m.set.lock != nil {
		ctx, cancel := clockwork.WithTimeout(context.Background(), m.host.Clock, releaseLimit)
		defer cancel()
		lease, err := m.acquire(ctx, m.owner())
		if err != nil {
			m.Logf("Error: the lock was not given back: %v", err)
			return
		}
		m.keeper = newKeeper(m.Daemon, lease, 0)
	}
}

func (m *machine) removePID() {
	if m.pid == nil {
		return
	}
	if err := m.pid.Remove(); err != nil {
		m.Logf("Error: %v", err)
	}
	m.pid = nil
}

func (d *Daemon) notify(state string) {
	if err := d.host.Supervisor.Notify(state); err != nil {
		d.Logf("Warning: could not tell the supervisor %s: %v", state, err)
	}
}

// stacks is what all goroutines are doing.
func stacks() string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 4<<20 {
			return string(buf[:n])
		}
		buf = make([]byte, 2*len(buf))
	}
}
