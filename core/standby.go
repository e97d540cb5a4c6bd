package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/lock"
)

const (
	// standbyPause is the time between two attempts at a lock that cannot tell
	// when it is free, a tenth more or less.
	standbyPause = 250 * time.Millisecond

	// standbySpread is the time within which those ask that learn at one instant
	// that a lock is free.
	standbySpread = standbyPause / 10

	// warmUpPause is the time between the beginnings of two warm-ups, where the
	// first has failed, as far as attempts at the lock come so often.
	warmUpPause = time.Minute
)

// waitForHolder stands by while another process holds the lock.
func (m *machine) waitForHolder(err error) state {
	s := &m.standby
	s.reason, s.outage = err.Error(), false
	m.tellBehind(err)
	m.warmUpBeside()
	if cause := m.won.unwatched; cause != nil && !s.unwatchable {
		s.unwatchable = true
		m.d.Logf("Warning: the lock cannot tell when it is free, and is asked for again and again: %v", cause)
	}
	switch {
	case m.d.set.standby || m.heldByFormerLease(err):
		if !s.standing {
			m.d.Logf("Standing by. %v", err)
		}
		m.beStandby()
	case s.until == 0 || s.dead != m.won.dead:
		now, ttl := m.d.host.Clock.Boot(), m.won.ttl
		s.dead, s.since, s.until = m.won.dead, now, now+ttl+standbyPause
		m.d.Logf("Waiting up to %s for the lock: %v, but that process no longer lives", ttl, err)
		m.d.notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=Waiting for the lock of a process that no longer lives",
			(ttl + extendedTimeout).Microseconds()))
	}
	return m.standBy()
}

// extendedTimeout is how much longer than the lease of a dead process lives a
// supervisor is asked to wait for the start.
const extendedTimeout = 30 * time.Second

// waitOutage stands by while the lock cannot be asked for.
func (m *machine) waitOutage(err error) state {
	s := &m.standby
	s.reason = err.Error()
	m.warmUpBeside()
	if !s.outage {
		m.d.Logf("Warning: standing by, because the lock cannot be asked for: %v", err)
	}
	s.outage = true
	if m.d.set.standby && m.inherited == nil && !m.resumed {
		m.beStandby()
	}
	return m.standBy()
}

// tellWaitedOut logs, now that there is a log, that a dead process's lease was
// waited out.
func (m *machine) tellWaitedOut() {
	if s := &m.standby; s.dead != (lock.Owner{}) {
		m.d.Logf("The lock was waited for, for %s: its former owner was PID %d of this host, which no longer lives",
			round(m.d.host.Clock.Boot()-s.since), s.dead.PID)
		s.dead, s.until = lock.Owner{}, 0
	}
}

// warmUpBeside warms up while the lock is waited for. A program whose checks have
// failed is not to set up, and does not.
func (m *machine) warmUpBeside() {
	if m.failed.checks == "" {
		m.warmUp.start(m.jobs.ctx, warmUpPause)
	}
}

// beStandby lets the launcher and the supervisor know that the daemon stands by,
// as soon as it has warmed up.
func (m *machine) beStandby() {
	first := !m.standby.standing
	m.standby.standing = true
	r := m.warmUp.latest
	if r.returned() {
		m.tellStandby()
	} else if first {
		m.d.notify("STATUS=Warming up, to stand by")
	}
}

// onWarmedUp: where launcher and supervisor wait for it, they are told how it went.
func (m *machine) onWarmedUp(event) state {
	r := m.warmUp.latest
	if !r.returned() || r.noted { // it was another run, of before an exec that failed
		return m.state
	}
	r.noted = true
	switch {
	case r.err == nil:
		m.d.Logf("Warmed up in %s", round(r.took))
	case m.inherited == nil && !m.resumed:
		return m.refuseStandby(r.err)
	default: // nobody watches a restart
		m.d.alert(kindWarmUp, fmt.Sprintf("Error: %s\nStanding by all the same, and trying again", describe(r.err)))
	}
	if m.standby.standing {
		m.tellStandby()
	}
	return m.state
}

// refuseStandby ends the start of a daemon that could not warm up. An attempt at
// the lock that is under way may have won it, so its return is waited for.
func (m *machine) refuseStandby(err error) state {
	m.d.alert(kindShutdown, "Shutting Down: "+describe(err))
	m.d.refuse(err.Error())
	m.ending.decide(plan{code: 1, cause: "warm-up failed"})
	if !m.jobs.running {
		return m.tearDown()
	}
	m.timers.clearAllBut(leaseAt)
	m.trial.abort()
	m.setTimeout(timeUpAt, m.d.set.shutdownTimeout)
	m.jobs.interrupt(err)
	return stateDraining
}

// tellStandby tells the launcher and the supervisor that the daemon has started
// and stands by.
func (m *machine) tellStandby() {
	if m.standby.told {
		return
	}
	m.standby.told = true
	m.notify("READY=1\nSTATUS=Standing by: " + strings.ReplaceAll(m.standby.reason, "\n", " "))
	m.d.reportStart(reexec.Report{Running: true, Message: "standing by: " + m.standby.reason})
}

// heldByFormerLease reports whether what holds the lock is a lease that this
// process has lost and could not give back: its end is waited for.
func (m *machine) heldByFormerLease(err error) bool {
	var held *lock.HeldError
	return (m.resumed || m.d.Restarts() > 0) && errors.As(err, &held) &&
		held.Holder.PID == m.d.PID() && held.Holder.Host == m.d.host.Name
}

// waitsOut reports whether the lease of a process that no longer lives is still
// waited out: one poll longer than it can live on.
func (m *machine) waitsOut() bool {
	if m.won.dead == (lock.Owner{}) {
		return false
	}
	return m.standby.dead != m.won.dead || m.d.host.Clock.Boot() < m.standby.until
}

// standBy waits until it is worth asking for the lock again: the lock itself
// tells when, or a while passes. A restart that was asked for meanwhile can go
// ahead.
func (m *machine) standBy() state {
	m.standby.attempts++
	n := m.standby.attempts
	if waiter, ok := m.d.set.lock.(lock.Waiter); ok && !m.won.hasty {
		longest := m.longestWait()
		m.ask(func(ctx context.Context, a *attempt) error { return m.d.awaitLock(ctx, waiter, longest, n, a) })
	} else {
		m.setTimeout(backOffAt, m.d.standbyPause(n))
	}
	if cause := m.restartAfterSetup; cause != "" {
		m.restartAfterSetup = ""
		m.startTrial(cause)
	}
	return stateStandby
}

// longestWait returns how long the lock's own Wait is waited for: no longer than
// a dead process's lease is, and not for ever, should it miss what it waits for.
func (m *machine) longestWait() time.Duration {
	if m.won.dead != (lock.Owner{}) && !m.d.set.standby {
		return m.standby.until - m.d.host.Clock.Boot()
	}
	return max(2*m.won.ttl, time.Minute)
}

func (m *machine) onRetry(event) state {
	if !m.jobs.running {
		m.askForLease()
	}
	return stateStandby
}

// awaitLock waits until the lock says that it may be free, or for a while where
// it cannot say so. It returns an error only when ctx is done.
func (d *Daemon) awaitLock(ctx context.Context, w lock.Waiter, longest time.Duration, n int, a *attempt) error {
	began := d.host.Clock.Boot()
	limited, cancel := clockwork.WithTimeout(ctx, d.host.Clock, longest)
	a.unwatched = waitFor(limited, w)
	if errors.Is(context.Cause(limited), context.DeadlineExceeded) {
		a.unwatched = nil
	}
	cancel()
	pause := clockwork.Share(standbySpread, d.name, d.host.Name, strconv.Itoa(d.PID()), strconv.Itoa(n))
	if a.unwatched != nil {
		pause = d.standbyPause(n)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	a.hasty = a.unwatched == nil && d.host.Clock.Boot()-began < standbySpread
	return clockwork.Sleep(ctx, d.host.Clock, pause)
}

// waitFor calls Wait, and returns when ctx is done even where that ignores it:
// Wait takes nothing.
func waitFor(ctx context.Context, w lock.Waiter) error {
	done := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { done <- err }()
		err = recovered(func() error { return w.Wait(ctx) })
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// standbyPause returns the time until the next attempt, the n-th.
func (d *Daemon) standbyPause(n int) time.Duration {
	return clockwork.Backoff(standbyPause, standbyPause, n, d.name, d.host.Name, strconv.Itoa(d.PID()))
}

// standsByInOutage reports whether a lock that cannot be asked for is waited for:
// by whatever stands by already, by a program that follows another one, and by a
// standby where nobody answers.
func (m *machine) standsByInOutage(err error) bool {
	if m.inherited != nil || m.resumed || m.d.set.standby && errors.Is(err, lock.ErrUnreachable) {
		return true
	}
	return m.state == stateStandby && (m.d.set.standby || m.d.host.Clock.Boot() < m.standby.until)
}
