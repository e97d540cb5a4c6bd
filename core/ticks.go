package core

import (
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// schedule tells when iterations are due. now and wall are readings of the clock
// at one instant.
type schedule interface {
	// Next returns when it is to be asked.
	Next() time.Time

	// Begin returns how many ticks were missed before an iteration that wants to
	// start, and whether it may start. woken says that SIGCONT asks for it.
	Begin(now, wall time.Time, woken bool) (missed int64, run bool)

	// End notes that an iteration has ended, and returns how many ticks it ran
	// over.
	End(now, wall time.Time) (missed int64)
}

// gridTicks is a schedule on the grid, or of pauses.
type gridTicks struct{ *clockwork.Schedule }

var _ schedule = gridTicks{}

func (g gridTicks) Begin(now, _ time.Time, woken bool) (int64, bool) {
	return g.Schedule.Begin(now, woken)
}

func (g gridTicks) End(now, _ time.Time) int64 { return g.Schedule.End(now) }

// calendarTicks is a schedule of the user's.
type calendarTicks struct{ *clockwork.CalendarSchedule }

var _ schedule = calendarTicks{}

func (c calendarTicks) Begin(now, wall time.Time, _ bool) (int64, bool) {
	return c.CalendarSchedule.Begin(now, wall)
}

// calendarName returns what a schedule is called: by itself, where it is a
// fmt.Stringer.
func calendarName(c clockwork.Calendar) string {
	if s, ok := c.(fmt.Stringer); ok {
		return s.String()
	}
	return "of the program"
}
