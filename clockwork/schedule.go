package clockwork

import (
	"encoding/binary"
	"time"
)

// Schedule answers when the next iteration is due, and counts the ticks that
// iterations have missed. It is asked at the start and at the end of each
// iteration, by one goroutine at a time; it never sleeps and reads no clock.
//
// Each tick is either served by the iteration that is started for it, or
// counted as missed, once, whether or not an iteration makes up for it later.
// No error accumulates, because every instant is computed from tick 0.
type Schedule struct {
	pacing  Pacing
	grid    Grid
	served  int64     // the tick that the latest iteration was started for; -1: none yet
	counted int64     // the latest tick that was counted as missed; -1: none yet
	next    int64     // the tick that the next iteration will be started for
	due     time.Time // when
}

// ScheduleState is what passes a Schedule from one program of a process to the
// next. Its durations are measured from the moment it was taken, so that the
// next program's clock may have another origin. The zero value stands for no
// schedule.
type ScheduleState struct {
	// GridAge is the age of tick 0; negative where that is yet to come.
	GridAge time.Duration `json:"grid_age"`

	// Interval is the time between two ticks; 0 where there is no schedule.
	Interval time.Duration `json:"interval"`

	// FixedDelay says that Interval was measured from the end of an iteration.
	FixedDelay bool `json:"fixed_delay,omitzero"`

	// Served is the tick that the latest iteration was started for; -1: none.
	Served int64 `json:"served"`

	// Counted is the latest tick that was counted as missed; -1: none.
	Counted int64 `json:"counted"`

	// DueIn is the time until the next iteration.
	DueIn time.Duration `json:"due_in"`
}

// NewSchedule returns a schedule that begins at now, which is wall by the wall
// clock.
func NewSchedule(p Pacing, now, wall time.Time) *Schedule {
	s := &Schedule{pacing: p, grid: Grid{First: now, Interval: p.Interval}, served: -1, counted: -1}
	switch {
	case p.First == AfterInterval:
		s.grid.First = now.Add(p.Interval)
	case p.First == AlignedToClock && p.HasGrid():
		s.grid.First = now.Add(Aligned(wall, p.Interval).Sub(wall))
	}
	if !p.HasGrid() {
		s.due = s.grid.First
		return s
	}
	s.grid.First = s.grid.First.Add(Share(p.Spread, p.Names...))
	s.aim(0)
	return s
}

// ResumeSchedule returns the schedule whose state was taken at a moment that
// lies gap before now. The time in between is measured on a clock that both
// programs share: see Clock's Boot. Where there was no schedule, or one of
// another interval or kind, it returns a new one.
func ResumeSchedule(p Pacing, from ScheduleState, now, wall time.Time, gap time.Duration) *Schedule {
	if from.Interval == 0 || from.Interval != p.Interval || from.FixedDelay != p.FixedDelay {
		return NewSchedule(p, now, wall)
	}
	s := &Schedule{
		pacing: p, grid: Grid{First: now.Add(-from.GridAge - gap), Interval: p.Interval},
		served: from.Served, counted: from.Counted, due: now.Add(from.DueIn - gap),
	}
	if p.HasGrid() {
		s.next = max(s.last(s.due), s.served+1)
	}
	return s
}

// State returns what ResumeSchedule needs, as of now.
func (s *Schedule) State(now time.Time) ScheduleState {
	return ScheduleState{
		GridAge: now.Sub(s.grid.First), Interval: s.pacing.Interval, FixedDelay: s.pacing.FixedDelay,
		Served: s.served, Counted: s.counted, DueIn: s.due.Sub(now),
	}
}

// Next returns when the next iteration is due. A time that has passed means at
// once.
func (s *Schedule) Next() time.Time { return s.due }

// Begin returns how many ticks were missed before an iteration that wants to
// start now, and whether it may start: with Skip, one that comes too late may
// not. An iteration that was woken before Next serves no tick.
func (s *Schedule) Begin(now time.Time, woken bool) (missed int64, run bool) {
	if !s.pacing.HasGrid() || (woken && now.Before(s.due)) {
		return 0, true
	}
	if now.Before(s.at(s.next + 1)) {
		s.served = s.next
		return 0, true
	}
	last := s.last(now)
	missed = s.miss(now)
	switch s.pacing.Missed {
	case CatchUp:
		s.served = s.next
	case Skip:
		s.served = last
		if s.at(last).Equal(now) { // this is the next point of the grid
			return missed, true
		}
		s.aim(last + 1)
		return missed, false
	default:
		s.served = last
	}
	return missed, true
}

// End sets when the next iteration is due after one that ended now, and returns
// how many ticks that one ran over. A tick at the very instant of the end is
// not missed.
func (s *Schedule) End(now time.Time) (missed int64) {
	if !s.pacing.HasGrid() {
		s.due = now.Add(s.pacing.Interval)
		return 0
	}
	if missed = s.miss(now); missed > 0 && s.pacing.Missed == Coalesce {
		s.next, s.due = s.last(now), now
		return missed
	}
	s.aim(s.following())
	return missed
}

// aim sets the tick that the next iteration is for.
func (s *Schedule) aim(n int64) { s.next, s.due = n, s.at(n) }

// following returns the tick after the latest one that is done with: a tick that
// was skipped is not made up for later.
func (s *Schedule) following() int64 {
	if s.pacing.Missed == Skip {
		return max(s.served, s.counted) + 1
	}
	return s.served + 1
}

// at returns when tick n is due: on the grid, or a little later with jitter.
func (s *Schedule) at(n int64) time.Time {
	at := s.grid.At(n)
	if s.pacing.Jitter > 0 {
		number := string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
		at = at.Add(Share(s.pacing.Jitter, append([]string{number}, s.pacing.Names...)...))
	}
	return at
}

// last returns the last tick that was due at or before now; -1 before the
// first. Since the jitter is less than the interval, it is the grid's or the
// one before.
func (s *Schedule) last(now time.Time) int64 {
	n := s.grid.Last(now)
	if s.pacing.Jitter > 0 && n >= 0 && now.Before(s.at(n)) {
		n--
	}
	return n
}

// miss counts the ticks before now that no iteration was started for, each of
// them once.
func (s *Schedule) miss(now time.Time) int64 {
	from := max(s.served, s.counted)
	if !s.at(from + 1).Before(now) { // as most often, and quicker to find than the last one
		return 0
	}
	to := s.last(now.Add(-1))
	s.counted = to
	return to - from
}
