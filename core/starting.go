package core

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
)

// standbyPause is the time between two attempts at a lock that is held.
const standbyPause = 250 * time.Millisecond

// begin starts the life of this image.
func (m *machine) begin() {
	m.state = StateChecking
	m.recall()
	m.start(Checked, m.ctx, m.checkAll)
	m.follow()
}

// checkAll gathers every environment error, so that people need not fix one to
// be told the next.
func (d *Daemon) checkAll(ctx context.Context) error {
	errs := []error{d.declare, d.set.contradictions()}
	if d.cmd.pidFile != "" && d.next == nil {
		errs = append(errs, d.host.Processes.CheckPID(d.Path(d.cmd.pidFile)))
	}
	if path := d.logPath(); path != "" {
		if err := d.host.Files.Check(path); err != nil {
			errs = append(errs, fmt.Errorf("log file: %w", err))
		}
	}
	if d.set.lock != nil {
		errs = append(errs, d.set.lock.Check())
	}
	if d.set.alerts != nil {
		errs = append(errs, d.set.alerts.Check())
	}
	for _, p := range d.set.plugins {
		if err := recovered(func() error { return p.Check(ctx, d) }); err != nil {
			errs = append(errs, fmt.Errorf("plugin %s: %w", p.Name(), err))
		}
	}
	for _, f := range d.set.checks {
		errs = append(errs, recovered(func() error { return f(ctx, d) }))
	}
	return errors.Join(errs...)
}

// contradictions are the options that cannot go together.
func (s *settings) contradictions() error {
	var errs []error
	bad := func(is bool, text string) {
		if is {
			errs = append(errs, errors.New(text))
		}
	}
	after := s.paced&pacedAfter != 0
	bad(len(s.execute) == 0, "nothing to execute: declare core.Execute")
	bad(s.paced == pacedEvery|pacedAfter, "core.Every and core.FixedDelay contradict each other: keep one of them")
	bad(after && s.missed != Coalesce, "core.FixedDelay has no grid, so no tick is missed: drop core.MissedTicks or use core.Every")
	bad(after && s.first == AlignedToClock, "core.FixedDelay has no grid to align: drop core.AlignedToClock or use core.Every")
	bad(after && s.jitter > 0, "core.FixedDelay has no grid to jitter: drop the jitter or use core.Every")
	bad(!after && s.interval == 0 && s.first != Immediately, "interval 0 has no first tick to wait for: drop core.FirstTick or set an interval")
	bad(!after && s.interval == 0 && s.jitter > 0, "interval 0 leaves no room for jitter: drop it or set an interval")
	bad(s.interval > 0 && s.jitter >= s.interval,
		fmt.Sprintf("jitter %s must be less than the interval %s", s.jitter, s.interval))
	bad(s.standby && s.lock == nil, "core.Standby waits for a lock, but there is none: declare core.WithLock")
	bad(s.alerts != nil && len(s.recipients) == 0, "alerts have no recipient: name at least one in core.WithAlerts")
	seen := map[string]bool{}
	for _, p := range s.plugins {
		bad(seen[p.Name()], fmt.Sprintf("plugin %s is declared twice: drop one", p.Name()))
		seen[p.Name()] = true
	}
	return errors.Join(errs...)
}

// problems lists joined errors one a line.
func problems(err error) string {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d problems:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// rooted resolves a lock's relative path, and lets a harness put its own in.
func (d *Daemon) rooted(l lock.Locker) lock.Locker {
	if r, ok := l.(lock.Rooted); ok && filepath.IsAbs(d.birth.Dir) {
		l = r.In(d.birth.Dir)
	}
	if d.host.Locker != nil {
		l = d.host.Locker(l)
	}
	return l
}

func (m *machine) onChecked(e event) State {
	if e.err != nil {
		return m.refuseStart(problems(e.err))
	}
	m.askForLease()
	return StateChecking
}

// refuseStart ends a start that cannot go on. The log is told, too, where it
// is ours already, because that is where people look after a restart.
func (m *machine) refuseStart(message string) State {
	if m.log.opened() {
		m.Logf("Error: %s", message)
	}
	m.refuse(message)
	return m.exit(1)
}

// attempt is what an attempt to take the lock yields.
type attempt struct {
	lease     lock.Lease
	confirmed time.Duration // Boot reading from before it was asked for
}

// askForLease takes the lock, or takes it up from the image before.
func (m *machine) askForLease() {
	got := &attempt{}
	m.attempt = got
	m.start(Leased, m.ctx, func(ctx context.Context) (err error) {
		if m.set.lock == nil {
			return nil
		}
		got.confirmed = m.host.Clock.Boot()
		got.lease, err = m.acquire(ctx, m.owner())
		return err
	})
}

// keepLease takes note of a lease that was won.
func (m *machine) keepLease() {
	if m.attempt.lease != nil {
		m.keeper = newKeeper(m.Daemon, m.attempt.lease, m.attempt.confirmed)
		m.token.Store(m.attempt.lease.Token())
	}
}

// owner is what others are told of who holds the lock.
func (d *Daemon) owner() lock.Owner {
	return lock.Owner{Name: d.name, PID: d.host.Processes.PID(), Host: d.host.Name, Since: d.host.Clock.Wall()}
}

func (m *machine) acquire(ctx context.Context, who lock.Owner) (lock.Lease, error) {
	if m.next != nil && m.next.Lease != nil {
		lease, err := m.set.lock.Adopt(ctx, who, *m.next.Lease)
		if !errors.Is(err, lock.ErrLost) {
			return lease, err
		}
		m.Logf("Warning: the lock was lost during the restart, and is asked for anew: %v", err)
	}
	return m.set.lock.Acquire(ctx, who)
}

func (m *machine) onLeased(e event) State {
	switch {
	case errors.Is(e.err, lock.ErrHeld) && m.set.standby:
		if m.state != StateStandby {
			m.Logf("Standing by. %v", e.err)
			m.reportStart(forker.Report{Running: true, Message: "standing by: " + e.err.Error()})
		}
		m.blind = false
		m.after(backOffAt, standbyPause)
		return StateStandby
	case errors.Is(e.err, lock.ErrHeld):
		line := fmt.Sprintf("Shutting Down: Lock Detected. Details: %v", e.err)
		m.Logf("%s", line)
		m.reportStart(forker.Report{Message: m.log.prefixed(line)})
		return m.exit(0)
	case e.err != nil && (m.state == StateStandby || m.next != nil):
		if !m.blind {
			m.Logf("Warning: standing by, because the lock cannot be asked for: %v", e.err)
		}
		m.blind = true
		m.after(backOffAt, standbyPause)
		return StateStandby
	case e.err != nil:
		return m.refuseStart(e.err.Error())
	}
	m.clear(backOffAt)
	m.keepLease()
	if err := m.open(); err != nil {
		return m.refuseStart(err.Error())
	}
	m.Logf("Application Startup. PID: %d%s", m.host.Processes.PID(), m.startDetails())
	m.startSetup()
	return StateSettingUp
}

func (m *machine) onRetry(event) State {
	if !m.busy {
		m.askForLease()
	}
	return StateStandby
}

// open takes what the daemon needs, now that the lock is ours and a refused
// newcomer has left no trace.
func (m *machine) open() error {
	if m.Detached() {
		if err := m.host.Processes.Settle(); err != nil {
			return err
		}
	}
	if err := m.claimPID(); err != nil {
		return err
	}
	m.log.open()
	m.keeper.start(m.mail)
	m.watchLease()
	return nil
}

func (m *machine) startSetup() {
	m.start(SetUp, m.ctx, func(ctx context.Context) error {
		if err := m.setUp(ctx); err != nil {
			return err
		}
		m.tell(ctx, HookInfo{Hook: HookInit, Iteration: m.Iteration()})
		return nil
	})
}

func (m *machine) startDetails() string {
	var b strings.Builder
	if m.set.version != "" {
		fmt.Fprintf(&b, " Version: %s", m.set.version)
	}
	if m.set.lock != nil {
		fmt.Fprintf(&b, " Lock: %s", m.set.lock)
	}
	if m.Restarts() > 0 {
		fmt.Fprintf(&b, " Restart: %d (%s)", m.Restarts(), m.past.lastCause())
	}
	return b.String()
}

func (m *machine) claimPID() (err error) {
	if m.cmd.pidFile == "" || m.pid != nil {
		return nil
	}
	path := m.Path(m.cmd.pidFile)
	if m.next != nil && m.next.PIDFile != nil {
		m.pid, err = m.host.Processes.AdoptPID(path, *m.next.PIDFile)
	} else {
		m.pid, err = m.host.Processes.ClaimPID(path)
	}
	return err
}

func (m *machine) onSetUp(e event) State {
	if e.err != nil {
		m.alert(subjectShutdown, "Shutting Down: "+describe(e.err))
		m.plan = plan{code: 1, cause: "setup failed"}
		m.refuse(e.err.Error())
		return m.tearDownNow()
	}
	m.becomeReady()
	m.aim()
	if m.wanted != "" {
		m.try(m.wanted)
		m.wanted = ""
	}
	return StateSleeping
}

// becomeReady tells everybody who waits for it that the daemon has started.
func (m *machine) becomeReady() {
	now := m.host.Clock.Now()
	m.sched.configure(&m.set, m.name, m.host.Name)
	if !m.ready {
		m.ready = true
		m.lay(now)
		m.past.nowReady(m.host.Clock.Boot())
	}
	m.awaitRestart()
	if m.housekeepingPause() > 0 {
		m.after(housekeepingAt, m.housekeepingPause())
	}
	m.watchLease()
	m.notify("READY=1")
	m.reportStart(forker.Report{Running: true, Message: m.lostLogNote()})
	if m.next != nil && m.Restarts() > 0 {
		m.answer("restart", answerOK, fmt.Sprintf("PID %d has restarted in place (restart %d)", m.host.Processes.PID(), m.Restarts()))
	}
}

// awaitRestart sets the deadline of the restart interval, if there is one.
func (m *machine) awaitRestart() {
	if m.set.restartEvery > 0 && m.autoRestart() && m.deadlines[restartAt].IsZero() {
		m.after(restartAt, m.set.restartEvery)
	}
}

// lay begins the grid, or takes it up where the image before left it.
func (m *machine) lay(now time.Time) {
	if m.next == nil || m.next.Interval != m.set.interval || m.set.interval == 0 {
		m.sched.begin(&m.set, now, m.host.Clock.Wall())
		return
	}
	gap := m.host.Clock.Boot() - m.next.Boot // between the two images
	m.sched.resume(now.Add(-m.next.GridAge-gap), m.set.interval, m.next.Served)
	if m.set.paced&pacedAfter != 0 {
		m.sched.due = now.Add(m.next.DueIn - gap)
	}
}

// lostLogNote warns of a log that -d sends nowhere.
func (m *machine) lostLogNote() string {
	if m.Detached() && m.set.logName == nil {
		return m.name + ": there is no log file: what it logs goes nowhere"
	}
	return ""
}

func (m *machine) onRestartLater(e event) State {
	m.wanted = e.cause
	return StateSettingUp
}
