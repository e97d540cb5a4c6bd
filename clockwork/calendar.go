package clockwork

import (
	"slices"
	"time"
)

// Calendar answers when the next tick is, by the wall clock. The schedules of
// github.com/robfig/cron/v3 and of its forks are calendars.
type Calendar interface {
	// Next returns the first tick after a time; the zero time where there is
	// none. It is called by one goroutine at a time, and must be quick. The same
	// time has to give the same answer.
	Next(after time.Time) time.Time
}

const (
	// maxLook is how long a step of the wall clock may go unnoticed.
	maxLook = time.Minute

	// maxCounted bounds the ticks that are counted at one time; a calendar of
	// seconds has as many in a day.
	maxCounted = 100_000

	// maxSpans bounds what is remembered of the time before steps of the clock.
	maxSpans = 8
)

// CalendarSchedule answers when the next iteration is due by a calendar, as
// Schedule does by a grid. Its ticks are instants of the wall clock, which can be
// moved: so it is asked again at least each minute, and a tick that was served
// is not served again when the clock comes to it once more.
//
// One goroutine at a time may use it; it never sleeps and reads no clock. now is
// a reading of Clock's Now, wall is one of Wall at the same instant.
type CalendarSchedule struct {
	pacing   Pacing
	calendar Calendar

	after, next time.Time    // next is the first tick after the one that is done with; zero: none
	counted     time.Time    // the latest tick that was counted as missed
	done        []servedSpan // ticks that were served, in the order of their serving
	first       bool         // the first iteration is due at once, and serves no tick
	interval    time.Duration
	due         time.Time // by Now
}

// servedSpan is a stretch of the wall clock's time in which every tick was served.
type servedSpan struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// CalendarState is what passes a CalendarSchedule from one program to the next,
// or from one process to the next. The zero value stands for no schedule.
type CalendarState struct {
	// After and Next are an instant, and the first tick after it, which has not
	// been served.
	After time.Time `json:"after"`
	Next  time.Time `json:"next"`

	// Counted is the latest tick that was counted as missed.
	Counted time.Time `json:"counted,omitzero"`

	// Done is when ticks were served, for a clock that is set back.
	Done []servedSpan `json:"done,omitempty"`
}

// NewCalendarSchedule returns a schedule that goes on where from was taken, if
// that was by the same calendar: what was due since then is due now. Otherwise
// it begins at now, which is wall by the wall clock: with its first tick, or at
// once where first is Immediately.
func NewCalendarSchedule(c Calendar, p Pacing, from CalendarState, now, wall time.Time) *CalendarSchedule {
	s := &CalendarSchedule{pacing: p, calendar: c}
	after := from.After.In(wall.Location()) // as it was asked, for a calendar of the local time
	if !from.Next.IsZero() && c.Next(after).Equal(from.Next) {
		s.after, s.next, s.counted, s.done = after, c.Next(after), from.Counted, slices.Clone(from.Done)
	} else {
		s.first = p.First == Immediately
		s.after, s.next = wall, s.ask(wall)
	}
	s.aim(now, wall)
	return s
}

// Clone returns a schedule that stands where this one does, and goes on alone. It
// asks c, which has to give the same answers.
func (s *CalendarSchedule) Clone(c Calendar) *CalendarSchedule {
	clone := *s
	clone.calendar, clone.done = c, slices.Clone(s.done)
	return &clone
}

// State returns what NewCalendarSchedule needs.
func (s *CalendarSchedule) State() CalendarState {
	return CalendarState{After: s.after, Next: s.next, Counted: s.counted, Done: slices.Clone(s.done)}
}

// Next returns when the schedule is to be asked again: when the next iteration is
// due, or before that. A time that has passed means at once.
func (s *CalendarSchedule) Next() time.Time { return s.due }

// Tick returns the next tick by the wall clock; the zero time where there is none.
func (s *CalendarSchedule) Tick() time.Time {
	if s.next.IsZero() {
		return s.next
	}
	return s.next.Add(s.shift(s.next))
}

// Interval returns the time from the tick of the latest iteration to the one
// after it; 0 where there is none.
func (s *CalendarSchedule) Interval() time.Duration { return s.interval }

// Begin returns how many ticks were missed, and whether an iteration is to start.
func (s *CalendarSchedule) Begin(now, wall time.Time) (missed int64, run bool) {
	s.aim(now, wall)
	switch {
	case s.first:
		s.first, s.interval = false, 0
		if !s.next.IsZero() {
			s.interval = s.next.Sub(wall)
		}
		return 0, true
	case s.next.IsZero() || s.Tick().After(wall):
		return 0, false
	}
	last, ticks := s.passed(wall)
	if ticks == 1 {
		s.serve(s.next, true)
		return 0, true
	}
	missed = s.count(wall)
	exact := last.Add(s.shift(last)).Equal(wall)
	switch {
	case s.pacing.Missed == CatchUp:
		s.serve(s.next, true)
	case s.pacing.Missed == Skip && !exact:
		s.after, s.next = last, s.ask(last)
		s.aim(now, wall)
		return missed, false
	default:
		s.serve(last, false)
	}
	return missed, true
}

// End sets when the next iteration is due after one that ended now, and returns
// how many ticks that one ran over. A tick at the very instant of the end is not
// missed.
func (s *CalendarSchedule) End(now, wall time.Time) (missed int64) {
	missed = s.count(wall)
	if missed > 0 && s.pacing.Missed == Skip {
		last, _ := s.passed(wall.Add(-1))
		s.after, s.next = last, s.ask(last)
	}
	s.aim(now, wall)
	return missed
}

// aim sets when the schedule is asked again. Where the wall clock was set back,
// the next tick is an earlier one than before.
func (s *CalendarSchedule) aim(now, wall time.Time) {
	if wall.Before(s.after) {
		s.after, s.next, s.counted = wall, s.ask(wall), time.Time{}
	}
	s.due = now.Add(maxLook)
	switch tick := s.Tick(); {
	case s.first:
		s.due = now
	case tick.IsZero():
	case tick.Before(wall.Add(maxLook)):
		s.due = now.Add(tick.Sub(wall))
	}
}

// serve notes that an iteration starts for a tick. behind says that all ticks
// before it were served, too.
func (s *CalendarSchedule) serve(tick time.Time, behind bool) {
	if n := len(s.done); behind && n > 0 && s.done[n-1].To.Equal(s.after) {
		s.done[n-1].To = tick
	} else {
		s.done = append(s.done, servedSpan{tick, tick})
		s.done = s.done[max(0, len(s.done)-maxSpans):]
	}
	s.after, s.next = tick, s.ask(tick)
	s.interval = 0
	if !s.next.IsZero() {
		s.interval = s.next.Sub(tick)
	}
}

// ask returns the first tick after a time that was not served.
func (s *CalendarSchedule) ask(after time.Time) time.Time {
	for range maxSpans + 1 {
		tick := s.calendar.Next(after)
		if !tick.After(after) { // none, or a calendar that does not go on
			return time.Time{}
		}
		i := slices.IndexFunc(s.done, func(d servedSpan) bool { return !tick.Before(d.From) && !tick.After(d.To) })
		if i < 0 {
			return tick
		}
		after = s.done[i].To
	}
	return time.Time{}
}

// passed returns the last tick that was due at or before wall, and how many there
// are from the next one on; 0 where there is none.
func (s *CalendarSchedule) passed(wall time.Time) (last time.Time, ticks int) {
	for tick := s.next; !tick.IsZero() && !tick.Add(s.shift(tick)).After(wall) && ticks < maxCounted; tick = s.ask(tick) {
		last, ticks = tick, ticks+1
	}
	return last, ticks
}

// count counts the ticks before wall that no iteration was started for, each of
// them once.
func (s *CalendarSchedule) count(wall time.Time) (missed int64) {
	for tick := s.next; !tick.IsZero() && tick.Add(s.shift(tick)).Before(wall) && missed < maxCounted; tick = s.ask(tick) {
		if tick.After(s.counted) {
			missed++
			s.counted = tick
		}
	}
	return missed
}

// shift returns how much later than its tick an iteration starts.
func (s *CalendarSchedule) shift(tick time.Time) time.Duration {
	if s.pacing.Jitter > 0 {
		return Share(s.pacing.Jitter, append([]string{tick.UTC().Format(time.RFC3339Nano)}, s.pacing.Names...)...)
	}
	return Share(s.pacing.Spread, s.pacing.Names...)
}
