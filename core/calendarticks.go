package core

import (
	"context"
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// calendarTimeout is how long a schedule of the user's may take to answer.
const calendarTimeout = 5 * time.Second

// calendarTicks is a schedule of the user's. Its Next is called in a goroutine of
// its own, so that one that panics, hangs or ends its goroutine does no harm. What
// goes wrong leaves the schedule where it was.
type calendarTicks struct {
	*clockwork.CalendarSchedule // never changed, but replaced

	calendar clockwork.Calendar
	clock    clockwork.Clock
	asking   <-chan calendarTurn // what has not answered; nil: nothing
}

var _ schedule = (*calendarTicks)(nil)

// calendarTurn is what has come of asking a schedule.
type calendarTurn struct {
	schedule *clockwork.CalendarSchedule
	missed   int64
	run      bool
	err      error
}

func (c *calendarTicks) Begin(now, wall time.Time, _ bool) (missed int64, run bool, err error) {
	turn := c.turn(func(s *clockwork.CalendarSchedule, t *calendarTurn) { t.missed, t.run = s.Begin(now, wall) })
	return turn.missed, turn.run, turn.err
}

func (c *calendarTicks) End(now, wall time.Time) (missed int64, err error) {
	turn := c.turn(func(s *clockwork.CalendarSchedule, t *calendarTurn) { t.missed = s.End(now, wall) })
	return turn.missed, turn.err
}

// turn lets the schedule go on as f does, unless that goes wrong.
func (c *calendarTicks) turn(f func(*clockwork.CalendarSchedule, *calendarTurn)) calendarTurn {
	if c.asking != nil && len(c.asking) == 0 {
		return calendarTurn{err: calendarError(c.calendar, "has not answered yet what it was asked before")}
	}
	from := c.CalendarSchedule
	c.asking = askCalendar(c.calendar, func(checked clockwork.Calendar) (t calendarTurn) {
		t.schedule = from.Clone(checked)
		f(t.schedule, &t)
		return t
	})
	t, answered := awaitCalendar(c.asking, c.clock)
	if !answered {
		return calendarTurn{err: calendarUnanswered(c.calendar)}
	}
	c.asking = nil
	if t.err != nil {
		return calendarTurn{err: t.err}
	}
	c.CalendarSchedule = t.schedule
	return t
}

// awaitCalendar returns what has come of asking, unless that takes too long.
func awaitCalendar(asking <-chan calendarTurn, clock clockwork.Clock) (t calendarTurn, answered bool) {
	ctx, cancel := clockwork.WithTimeout(context.Background(), clock, calendarTimeout)
	defer cancel()
	select {
	case t := <-asking:
		return t, true
	case <-ctx.Done():
		return calendarTurn{}, false
	}
}

// askCalendar runs f in a goroutine of its own, and returns what it has come to:
// its turn, with the first error of the schedule.
func askCalendar(of clockwork.Calendar, f func(checked clockwork.Calendar) calendarTurn) <-chan calendarTurn {
	done := make(chan calendarTurn, 1)
	go func() {
		turn := calendarTurn{err: calendarError(of, "has failed: "+errGoexit.Error())}
		defer func() { done <- turn }()
		checked := &checkedCalendar{of: of}
		turn = f(checked)
		turn.err = checked.err
	}()
	return done
}

// checkedCalendar finds what a schedule of the user's does wrong.
type checkedCalendar struct {
	of  clockwork.Calendar
	err error // the first one; from then on there are no ticks
}

func (c *checkedCalendar) Next(after time.Time) (next time.Time) {
	if c.err != nil {
		return time.Time{}
	}
	err := recovered(func() error {
		next = c.of.Next(after)
		return nil
	})
	switch {
	case err != nil:
		c.err = fmt.Errorf("the schedule %s has failed: %w", calendarName(c.of), err)
	case !next.IsZero() && !next.After(after):
		c.err = calendarError(c.of, fmt.Sprintf("says that the next tick after %s is at %s, which is not after it: its Next must return a later time, or the zero time for no tick",
			after.Format(tickFormat), next.Format(tickFormat)))
	default:
		return next
	}
	return time.Time{}
}

// tickFormat tells ticks apart that come within a second.
const tickFormat = "2006-01-02 15:04:05.999999999"

func calendarError(c clockwork.Calendar, text string) error {
	return fmt.Errorf("the schedule %s %s", calendarName(c), text)
}

func calendarUnanswered(c clockwork.Calendar) error {
	return calendarError(c, fmt.Sprintf("has not answered within %s when its next tick is", calendarTimeout))
}

// calendarName returns what a schedule is called: by itself, where it is a
// fmt.Stringer.
func calendarName(c clockwork.Calendar) (name string) {
	s, ok := c.(fmt.Stringer)
	if !ok || recovered(func() error { name = s.String(); return nil }) != nil {
		return "of the program"
	}
	return name
}
