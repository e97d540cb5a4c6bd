package core

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
)

func (m *machine) startSetup() {
	m.d.alerts.UseSpool() // the lock is ours, and so is what waits there
	if len(m.d.set.handlers[HookError]) > 0 {
		m.d.alertHandlers.Store(m.handlers)
	}
	m.setupFailed = false
	var laid *laidCalendar
	if m.d.set.calendar != nil && !m.ready {
		laid = &laidCalendar{}
	}
	m.laid = laid
	warmUp := m.warmUp.start(m.jobs.ctx, 0)
	m.jobs.start(setUp, m.jobs.ctx, func(ctx context.Context) error {
		if err := warmUp.wait(ctx); err != nil {
			return err
		}
		kept := m.d.ticks.read()
		if err := m.d.setUp(ctx); err != nil {
			return err
		}
		m.d.tell(ctx, HookInfo{Hook: HookInit, Iteration: m.d.Iteration()})
		if laid != nil {
			return laid.lay(m.d, kept)
		}
		return nil
	})
}

// becomeReady tells everybody who waits for it that the daemon has started.
func (m *machine) becomeReady() {
	first := !m.ready
	if first {
		m.ready = true
		m.layGrid()
		m.watchWall()
		m.d.history.becameReady(m.d.host.Clock.Boot())
	}
	m.awaitRestartInterval()
	if pause := m.housekeepingPause(); pause > 0 {
		m.timers.setAfter(housekeepingAt, pause)
	}
	m.watchLease()
	m.startWatcher()
	told := m.standby.told
	m.standby.standing, m.standby.told = false, false
	if told {
		m.notify("READY=1\nSTATUS=Running")
	} else {
		m.notify("READY=1")
	}
	m.reportReady()
	if first && m.inherited != nil && m.restartAfterSetup == "" {
		m.d.reply("restart", replyOK, fmt.Sprintf("PID %d has restarted in place (restart %d)", m.d.PID(), m.d.Restarts()))
	}
}

// notify tells the supervisor, if there is one. RELOADING=1 is for one that was
// told READY=1 last: the two come in pairs, as systemd's Type=notify-reload asks.
func (m *machine) notify(state string) {
	if state == "RELOADING=1" && !strings.HasPrefix(m.notified, "READY=1") {
		return
	}
	m.notified = state
	m.d.notify(state)
}

// awaitRestartInterval sets the deadline of the restart interval, if there is
// one.
func (m *machine) awaitRestartInterval() {
	if m.d.set.restartEvery > 0 && m.d.restartsByItself() && !m.timers.isSet(restartAt) {
		m.timers.setAfter(restartAt, m.d.set.restartEvery)
	}
}

// layGrid begins the grid, or takes it over where the program before left it.
func (m *machine) layGrid() {
	if m.laid != nil {
		m.followCalendar()
		return
	}
	clock, pacing := m.d.host.Clock, m.d.namedPacing()
	if m.inherited == nil {
		m.schedule = gridTicks{clockwork.NewSchedule(pacing, clock.Now(), clock.Wall())}
		return
	}
	now, boot := clock.Now(), clock.Boot() // in the order of exec, so that the time between the two cancels out
	m.schedule = gridTicks{clockwork.ResumeSchedule(pacing, m.inherited.Schedule, now, clock.Wall(), boot-m.inherited.Boot)}
}

// followCalendar takes the schedule that was laid.
func (m *machine) followCalendar() {
	l := m.laid
	m.schedule = l.ticks
	if !l.made {
		return
	}
	if l.missed > 0 {
		m.countMissed(m.d.host.Clock.Now(), l.missed)
		m.d.Logf("Warning: Missed %d Ticks. The daemon did not run at %s%s", l.missed, l.tick.Format(time.DateTime), andLater(l.missed))
	}
	if keep := m.keepTick(); keep != nil {
		m.handlers.add(keep)
	}
}

func andLater(missed int64) string {
	if missed == 1 {
		return ""
	}
	return " and later"
}

// keepTick returns what keeps the present state of the schedule in the file of
// RememberTicks; nil where nothing is kept.
func (m *machine) keepTick() func() {
	c, ok := m.schedule.(*calendarTicks)
	if !ok || m.d.set.tickFile == "" {
		return nil
	}
	m.ticksKept++
	n, state, d := m.ticksKept, c.State(), m.d
	return func() { d.ticks.write(d.name, n, state) }
}

// onRestartLater: the daemon is not ready yet; the restart follows then.
func (m *machine) onRestartLater(e event) state {
	m.d.Logf("Restart Asked: %s, before the start was complete: it follows then", e.cause)
	m.restartAfterSetup = e.cause
	return m.state
}
