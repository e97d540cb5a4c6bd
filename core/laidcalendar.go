package core

import (
	"time"

	"github.com/evertick/evertick/clockwork"
)

// laidCalendar is a schedule of the user's that goes on, or begins.
type laidCalendar struct {
	ticks  *calendarTicks
	made   bool      // of what was kept in the file, or new
	tick   time.Time // the first one
	missed int64     // ticks, since the process before
}

// lay lets ticks go on where the program before was, or the process before, or
// begin.
func (l *laidCalendar) lay(d *Daemon, kept clockwork.CalendarState) error {
	clock, calendar, pacing := d.host.Clock, d.set.calendar, d.namedPacing()
	if !d.set.firstTick {
		pacing.First = AfterInterval
	}
	l.made = true
	if h := d.inherited; h != nil && h.Calendar != nil {
		kept, l.made = *h.Calendar, false
	}
	asking := askCalendar(calendar, func(checked clockwork.Calendar) (t calendarTurn) {
		wall := clock.Wall() // in the order of scheduleTime
		now := clock.Now()
		t.schedule = clockwork.NewCalendarSchedule(checked, pacing, kept, now, wall)
		if l.made {
			l.tick = t.schedule.Tick()
			t.missed = t.schedule.End(now, wall)
		}
		return t
	})
	turn := <-asking // a schedule that hangs is a Setup that hangs
	l.ticks = &calendarTicks{CalendarSchedule: turn.schedule, calendar: calendar, clock: clock}
	l.missed = turn.missed
	return turn.err
}

// namedPacing returns the pacing with what spreads a fleet.
func (d *Daemon) namedPacing() clockwork.Pacing {
	pacing := d.set.pacing
	pacing.Names = []string{d.name, d.host.Name}
	return pacing
}
