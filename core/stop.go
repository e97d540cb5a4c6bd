package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/forker/reexec"
)

func (m *machine) decideStop(e event) {
	m.ending.decide(plan{cause: e.cause})
	if e.signal != nil {
		m.ending.stopSignal(e.at)
	}
	m.jobs.repeat(false)
	m.timers.clearAllBut(leaseAt)
	m.trial.abort()
}

// onStopEarly stops a daemon that has not executed yet: there is nothing to
// finish, so what runs is told to give up.
func (m *machine) onStopEarly(e event) state {
	m.decideStop(e)
	before := ", before the start was complete"
	if m.state == stateStandby {
		before = ""
	}
	m.d.Logf("Shutting Down: %s%s", e.cause, before)
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	m.jobs.interrupt(errors.New(e.cause))
	return stateDraining
}

func (m *machine) onStopStandby(e event) state {
	if m.jobs.running {
		return m.onStopEarly(e)
	}
	return m.onStopIdle(e)
}

func (m *machine) onStopIdle(e event) state {
	m.decideStop(e)
	m.d.Logf("Shutting Down: %s", e.cause)
	return m.tearDown()
}

func (m *machine) onStopBusy(e event) state {
	m.decideStop(e)
	m.d.Logf("Shutting Down: %s. Waiting up to %s for Execute #%d to finish; a second signal forces", e.cause, m.d.set.shutdownTimeout, m.d.Iteration())
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	return stateDraining
}

// onStopAgain: a stop during a restart makes an end of the restart; a second
// signal forces; a third one waits for nothing.
func (m *machine) onStopAgain(e event) state {
	request := anotherRequest
	if e.signal != nil {
		request = m.ending.stopSignal(e.at)
	}
	if m.ending.plan.restart || m.ending.plan.resume {
		m.ending.stopInstead(e.cause)
		m.d.Logf("Shutting Down: %s, instead of restarting", e.cause)
		if m.state == stateTearingDown {
			m.ending.final.Store(true)
			m.notify("STOPPING=1")
		}
		return m.state
	}
	switch {
	case e.signal == nil: // the daemon's own Stop: only people grow impatient
		return m.state
	case request == firstRequest:
		m.d.Logf("Shutting Down: %s, which is under way already; a second signal forces", e.cause)
		return m.state
	case request == sameRequest:
		return m.state
	}
	if m.ending.forced || m.state == stateTearingDown {
		m.ending.forced = true
		m.d.Logf("Forced: %s once more: leaving at once", e.cause)
		return m.exit(1)
	}
	m.ending.fail(false)
	m.force(e.cause + " once more")
	m.setTimeout(timeUpAt, grace)
	return stateDraining
}

// onDrained: what the daemon waited for has returned.
func (m *machine) onDrained(e event) state {
	m.clearTimeout(timeUpAt)
	if e.kind == executed {
		_ = m.endIteration(e) // which has logged it

		if e.err == nil || e.succeeded || !m.ending.forced { // an exec that fails may let the loop go on
			m.health.executed(e.err != nil, e.succeeded, m.d.set.maxFailures)
		}
		if e.err != nil && !m.ending.forced {
			m.d.alert(kindFailure, fmt.Sprintf("Error: Execute #%d: %s", m.d.Iteration(), describe(e.err)))
		}
	}
	return m.afterDraining()
}

// onDrainedLease: a stop came while the lock was being asked for.
func (m *machine) onDrainedLease(e event) state {
	m.keepLease()
	return m.onDrained(e)
}

func (m *machine) afterDraining() state {
	plan := m.ending.plan
	again := plan.restart && m.jobs.todo.kind == executed && m.triedAnother()
	if again {
		m.logChanged()
	}
	if plan.restart && (plan.trial || again) {
		m.jobs.renewContext()
		m.ending.forced = false
		m.startTrial(plan.cause)
		return stateRestarting
	}
	return m.tearDown()
}

// onDrainTimeout: what runs has not returned in time. First it is told; if it
// ignores that, it is abandoned.
func (m *machine) onDrainTimeout(event) state {
	if !m.ending.forced {
		m.ending.fail(false)
		m.force(fmt.Sprintf("not finished within %s", m.d.set.shutdownTimeout))
		m.setTimeout(timeUpAt, grace)
		return stateDraining
	}
	if m.lease != nil && m.lease.lost {
		return m.leaveAtOnce(m.running())
	}
	if m.ending.plan.restart {
		if kind := m.jobs.todo.kind; kind == executed {
			m.d.Logf("Error: Execute #%d does not return: it is left behind", m.d.Iteration())
			_ = m.endSchedule()
		} else {
			m.d.Logf("Error: %s does not return: it is left behind", kind.job())
		}
		m.jobs.abandon()
		return m.afterDraining()
	}
	m.d.Logf("Error: what was running does not return: leaving without teardown")
	m.jobs.abandon()
	m.ending.fail(true)
	return m.tearDown()
}

// running names the job that runs.
func (m *machine) running() string {
	if kind := m.jobs.todo.kind; kind != executed {
		return kind.job()
	}
	return fmt.Sprintf("Execute #%d", m.d.Iteration())
}

// tearDown starts teardown, whatever the plan is.
func (m *machine) tearDown() state {
	m.timers.clearAllBut(leaseAt)
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	plan := m.ending.plan
	h := HookInfo{Hook: HookShutdown, Iteration: m.d.Iteration(), Cause: plan.cause}
	state := "STOPPING=1"
	if plan.restart || plan.resume {
		h.Hook, state = HookRestart, "RELOADING=1"
	}
	m.notify(state)
	m.ending.forced = false
	m.ending.final.Store(!plan.restart && !plan.resume)
	m.ending.flushed.Store(false)
	m.ending.failed.Store(plan.code != 0)
	handOver := !m.ending.final.Load() && !plan.noLease
	look := m.ending.final.Load() && m.lease != nil && m.lease.lost // else the next program finds out who holds it
	warmUp := m.warmUp.latest
	return m.startTeardown(func(ctx context.Context) {
		defer m.flush(ctx)
		if !plan.bare {
			warmUp.end(ctx, errors.New(plan.cause))
		}
		if look {
			defer m.d.look(ctx)
		}
		m.d.stopChildren(ctx, handOver)
		if !plan.bare {
			defer m.d.tearDown(ctx) // also after a handler that ends this goroutine
			m.d.handleResults()
			m.handlers.drain(ctx)
			m.d.tell(ctx, h)
		}
	})
}

// startTeardown starts teardown, or what is left of it.
func (m *machine) startTeardown(run func(ctx context.Context)) state {
	ctx, cancel := context.WithCancel(context.Background())
	m.ending.endTeardown = cancel
	m.jobs.start(tornDown, ctx, func(ctx context.Context) error {
		run(ctx)
		return nil
	})
	return stateTearingDown
}

// flush waits for the last mails, where teardown ends the process. An end that is
// forced cuts it short, and sees to them itself: see exit.
func (m *machine) flush(ctx context.Context) {
	if m.ending.final.Load() && m.d.flushAlerts(ctx, m.ending.failed.Load()) {
		m.ending.flushed.Store(true)
	}
}

// onTornDown: where a stop has made an end of a restart just now, the last
// mails are still to be waited for.
func (m *machine) onTornDown(event) state {
	if m.ending.final.Load() && !m.ending.flushed.Load() && !m.ending.forced {
		return m.startTeardown(m.flush)
	}
	return m.conclude()
}

// onTeardownTimeout: as with draining, teardown is told first, and abandoned if
// it ignores that.
func (m *machine) onTeardownTimeout(event) state {
	if plan := m.ending.plan; !plan.restart && !plan.resume {
		m.ending.fail(false)
	}
	if !m.ending.forced {
		why := fmt.Sprintf("teardown not finished within %s", m.d.set.shutdownTimeout)
		if m.releasing {
			why = "the lock is not given back in time"
		}
		m.force(why)
		m.ending.endTeardown()
		m.setTimeout(timeUpAt, grace)
		return stateTearingDown
	}
	m.d.Logf("Error: teardown does not return: it is left behind")
	m.jobs.abandon()
	m.d.cleanups.disown()
	return m.conclude()
}

// conclude carries out the plan, now that teardown is over. A lock that is not
// to be kept is given back first.
func (m *machine) conclude() state {
	m.clearTimeout(timeUpAt)
	m.ending.endTeardown()
	m.jobs.cancel(context.Canceled)
	m.releasing = false
	if m.givesLeaseUp() {
		return m.giveUpLease()
	}
	switch {
	case m.ending.pauses && m.ending.plan.restart:
		m.ending.pauses = false
		m.jobs.renewContext()
		m.setTimeout(backOffAt, m.backoff(m.ending.inARow))
		return stateRestarting
	case m.ending.plan.resume:
		return m.resume()
	case m.ending.plan.restart:
		return m.replace()
	case m.d.children.Paused() && !m.ending.forced: // they were to outlive a restart, which is an end by now
		return m.tearDown()
	}
	return m.exit(m.ending.plan.code)
}

// givesLeaseUp reports whether a lease is held that is to be given back: at the
// end, and where it was lost.
func (m *machine) givesLeaseUp() bool {
	plan := &m.ending.plan
	if m.lease == nil || !plan.restart && !plan.resume {
		return m.lease != nil
	}
	if m.lease.expired() && !plan.noLease {
		m.loseLeaseInTeardown(causeNotRenewed)
	}
	return plan.noLease
}

// giveUpLease gives the lease back in a job that counts to teardown, because a
// lock may take its time.
func (m *machine) giveUpLease() state {
	switch plan := &m.ending.plan; {
	case !m.jobs.mayExecute():
	case plan.noLease:
		return m.leaveAtOnce("what was abandoned")
	default:
		return m.exit(plan.code)
	}
	plan := m.ending.plan
	limit := m.lease.lossGrace()
	lease := m.dropLease()
	// The PID file goes before the lock is free: who wins that takes the file next.
	m.forgetLease(plan.noLease || !plan.restart && !plan.resume)
	m.timers.clear(leaseAt)
	m.d.queue.drop(leaseLost)
	m.setTimeout(timeUpAt, 2*releaseTimeout+grace)
	m.releasing = true
	return m.startTeardown(func(context.Context) {
		if plan.noLease { // not even those that outlive a restart go on without the lock
			m.d.endChildren(limit)
		}
		lease.stop()
		lease.release()
	})
}

// forgetLease: what is inherited of the lease is used up. At the end, and where it
// was lost, the PID file goes, also one that was handed over and is not used yet,
// as another process may have the lock next.
func (m *machine) forgetLease(withPIDFile bool) {
	if withPIDFile {
		m.inheritPIDFile()
		m.removePIDFile()
	}
	m.spendHandoff()
}

// loseLeaseInTeardown lets the next program win the lock again, or this one,
// should exec fail.
func (m *machine) loseLeaseInTeardown(cause string) {
	text := m.lossText(cause)
	if plan := m.ending.plan; (plan.restart || plan.resume) && !plan.noLease {
		m.d.alert(kindLock, text+"\nIt must be won again")
		m.ending.loseLease()
		return
	}
	m.d.Logf("%s", text)
}

// exit is the end of the process: what we hold is given back, and the last
// line of the log says the exit status.
func (m *machine) exit(code int) state {
	m.timers.clearAll()
	switch {
	case m.state == stateChecking || m.state == stateStandby: // no teardown has seen to it
		m.d.flushAlerts(context.Background(), code != 0)
	case !m.ending.flushed.Load(): // a forced end waits for none
		m.d.settleAlerts()
	}
	m.d.killChildren() // they must not go on without the lock
	m.inheritTheRest()
	if m.releasing {
		m.d.Logf("Error: the lock was not given back: the end did not wait for that")
	}
	if err := m.d.life.end(); err != nil {
		m.d.Logf("Error: the state file is still there, so the next start tells of a death: %v", err)
	}
	m.removePIDFile() // before the lock is free: who wins it takes the file next
	if m.lease.outlivesHolder() && m.jobs.mayExecute() {
		m.d.Logf("Error: the lock was not given back, because what does not return may go on until the process has ended: its lease ends within %s", m.lease.lease.TTL())
		m.lease.stopSoon()
	} else {
		m.lease.stop()
		m.lease.release()
	}
	if m.d.log.Opened() {
		m.d.log.Retry() // so that the last line is the last one in the file, too
		m.d.Logf("Shutdown Complete. Uptime: %s Iterations: %d Exit status: %d", m.d.Uptime(), m.d.Iteration(), code)
		m.d.log.Close()
	} else {
		m.d.log.Flush(grace) // a refused start's last word, too, may be late
	}
	// To a process that waits for the start, a daemon that was stopped before
	// it was ready has failed.
	m.d.reportStart(reexec.Report{Code: max(code, 1), Message: m.d.name + ": ended before it was ready: " + m.ending.plan.cause})
	m.ending.code = code
	m.d.observe(host.Observation{Kind: host.Exiting, Code: code})
	return stateEnded
}

// inheritTheRest takes over what the program before has handed over and this
// one has not come to use, so that it is given back with the rest.
func (m *machine) inheritTheRest() {
	if m.inherited == nil {
		return
	}
	m.inheritPIDFile()
	if m.inherited.Lease != nil && m.lease == nil && m.d.set.lock != nil {
		ctx, cancel := clockwork.WithTimeout(context.Background(), m.d.host.Clock, releaseTimeout)
		defer cancel()
		m.won = &attempt{}
		if err := m.d.inheritLease(ctx, m.inherited, m.won); err != nil {
			m.d.Logf("Error: the lock was not given back: %v", err)
			return
		}
		m.keepLease()
	}
}

// inheritPIDFile takes over a PID file that was handed over and is not used yet.
func (m *machine) inheritPIDFile() {
	if m.inherited == nil || m.inherited.PIDFile == nil {
		return
	}
	if err := m.lockPIDFile(); err != nil {
		m.d.Logf("Error: %v", err)
	}
}

func (m *machine) removePIDFile() {
	if err := m.pid.remove(); err != nil {
		m.d.Logf("Error: %v", err)
	}
}
