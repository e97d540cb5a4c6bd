package core

import (
	"context"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// wakeGrace is how long after missed ticks were counted a SIGCONT may still be
// the one that ended their cause, SIGSTOP: the kernel delivers it in its own
// time, before or after the overdue tick is noticed. It wakes the loop no more.
const wakeGrace = 100 * time.Millisecond

// scheduleTime returns readings of Now and Wall, for the schedule; Wall only where a
// schedule of the user's asks for it. It is then read first, so that no tick seems to
// come a little before its time.
func (m *machine) scheduleTime() (now, wall time.Time) {
	if m.d.set.calendar == nil {
		return m.now, wall
	}
	wall = m.d.host.Clock.Wall()
	return m.d.host.Clock.Now(), wall
}

// watchWall lets a schedule of the user's be asked again as soon as the wall clock
// was set, as far as the machine tells that.
func (m *machine) watchWall() {
	if m.d.set.calendar == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.unwatchWall = cancel
	go clockwork.WatchWall(ctx, m.d.host.Clock, func() { m.d.queue.post(event{kind: woken}) })
}

// noteInterval notes the time between the tick of the iteration that starts and
// the next, where a schedule decides that, and tells of its last one.
func (m *machine) noteInterval() {
	if c, ok := m.schedule.(*calendarTicks); ok {
		m.d.interval.Store(int64(c.Interval()))
		if c.Tick().IsZero() {
			m.d.Logf("The schedule %s has no further tick: this iteration is its last", calendarName(m.d.set.calendar))
		}
	}
}

// setTick sets the deadline of the next tick.
func (m *machine) setTick() { m.timers.set(tickAt, m.schedule.Next()) }

// recentlyCounted reports whether missed ticks have just been counted.
func (m *machine) recentlyCounted(now time.Time) bool {
	return !m.missedCountedAt.IsZero() && now.Sub(m.missedCountedAt) < wakeGrace
}

func (m *machine) countMissed(now time.Time, n int64) {
	m.missedCountedAt = now
	m.d.counters.countMissed(n)
}

// endSchedule tells the schedule that an iteration has ended, or was abandoned,
// and counts the ticks that it ran over. It logs and returns what a schedule of
// the user's has done wrong.
func (m *machine) endSchedule() error {
	now, wall := m.scheduleTime()
	missed, err := m.schedule.End(now, wall)
	if err != nil {
		m.d.Logf("Error: %s", describe(err))
	}
	if missed > 0 {
		m.countMissed(now, missed)
	}
	return err
}

// round keeps three decimals of a second, or what is left of a shorter time.
func round(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

// backoff returns the pause before attempt n in a row, from 0.
func (m *machine) backoff(n int) time.Duration {
	set := &m.d.set
	return clockwork.Backoff(set.backoff, set.maxBackoff, n, m.d.name, m.d.host.Name)
}
