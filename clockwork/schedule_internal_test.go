package clockwork

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var gridStart = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// after is the instant s seconds after the grid's first tick.
func after(s float64) time.Time { return gridStart.Add(time.Duration(s * float64(time.Second))) }

// An iteration's start and end, in seconds, what they find missed, and when
// the next one is due. The grid has a tick each 10 s.
func TestScheduleAlongAnIteration(t *testing.T) {
	for _, c := range []struct {
		name       string
		missed     MissedPolicy
		start, end float64
		woken      bool
		runs       bool
		atStart    int64
		atEnd      int64
		due        float64
	}{
		{"on time", Coalesce, 10, 13, false, true, 0, 0, 20},
		{"a little late", Coalesce, 12, 13, false, true, 0, 0, 20},
		{"ends with the tick", Coalesce, 10, 20, false, true, 0, 0, 20},
		{"coalesce, overrun", Coalesce, 10, 21, false, true, 0, 1, 21},
		{"coalesce, long overrun", Coalesce, 10, 45, false, true, 0, 3, 45},
		{"coalesce, ends with a later tick", Coalesce, 10, 40, false, true, 0, 2, 40},
		{"skip, overrun", Skip, 10, 21, false, true, 0, 1, 30},
		{"skip, ends with a later tick", Skip, 10, 40, false, true, 0, 2, 40},
		{"catch up, overrun", CatchUp, 10, 45, false, true, 0, 3, 20},
		{"coalesce, starts late", Coalesce, 35, 36, false, true, 3, 0, 40},
		{"skip, starts late", Skip, 35, 0, false, false, 3, 0, 40},
		{"skip, starts late with a tick", Skip, 40, 41, false, true, 3, 0, 50},
		{"catch up, starts late", CatchUp, 35, 36, false, true, 3, 0, 20},
		{"woken early", Coalesce, 5, 6, true, true, 0, 0, 10},
		{"woken early, runs into the tick", Coalesce, 5, 12, true, true, 0, 1, 12},
		{"woken late", Coalesce, 35, 36, true, true, 3, 0, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSchedule(Pacing{Interval: 10 * time.Second, Missed: c.missed}, gridStart, gridStart)
			if missed, run := s.Begin(gridStart, false); missed != 0 || !run {
				t.Fatalf("first tick: missed %d, runs %t", missed, run)
			}
			s.End(gridStart)
			missed, run := s.Begin(after(c.start), c.woken)
			if missed != c.atStart || run != c.runs {
				t.Errorf("Begin: missed %d, runs %t; want %d, %t", missed, run, c.atStart, c.runs)
			}
			if run {
				if missed := s.End(after(c.end)); missed != c.atEnd {
					t.Errorf("End: missed %d, want %d", missed, c.atEnd)
				}
			}
			if !s.Next().Equal(after(c.due)) {
				t.Errorf("due after %s, want %gs", s.Next().Sub(gridStart), c.due)
			}
		})
	}
}

func TestScheduleFirstTick(t *testing.T) {
	wall := time.Date(2026, 11, 23, 8, 0, 3, 0, time.UTC)
	for _, c := range []struct {
		name string
		p    Pacing
		want float64
	}{
		{"at once", Pacing{Interval: 10 * time.Second}, 0},
		{"after an interval", Pacing{Interval: 10 * time.Second, First: AfterInterval}, 10},
		{"aligned", Pacing{Interval: 10 * time.Second, First: AlignedToClock}, 7},
		{"fixed delay, at once", Pacing{Interval: 10 * time.Second, FixedDelay: true}, 0},
		{"fixed delay, after it", Pacing{Interval: 10 * time.Second, FixedDelay: true, First: AfterInterval}, 10},
		{"fixed delay, which has no grid to align", Pacing{Interval: 10 * time.Second, FixedDelay: true, First: AlignedToClock}, 0},
		{"no pause", Pacing{}, 0},
		{"no pause, after none", Pacing{First: AfterInterval}, 0},
		{"no pause, which has no grid to align", Pacing{First: AlignedToClock}, 0},
	} {
		assert.Equal(t, after(c.want), NewSchedule(c.p, gridStart, wall).Next(), c.name)
	}
}

// The grid of 10 s began 40 s before the state was taken, at 42 s, when tick 5
// was due in 8 s; the next program starts 2 s later.
func TestScheduleResume(t *testing.T) {
	grid := Pacing{Interval: 10 * time.Second}
	skip := Pacing{Interval: 10 * time.Second, Missed: Skip}
	fixed := Pacing{Interval: 10 * time.Second, FixedDelay: true}
	state := ScheduleState{GridAge: 42 * time.Second, Interval: 10 * time.Second, Served: 4, Counted: -1, DueIn: 8 * time.Second}
	owing, onTick, skipped, ofFixed := state, state, state, state
	owing.Served, owing.Counted, owing.DueIn = 1, 4, 0
	onTick.Served, onTick.Counted, onTick.DueIn = 1, 3, -2*time.Second
	skipped.Served, skipped.Counted = 1, 4
	ofFixed.FixedDelay = true
	for _, c := range []struct {
		name   string
		p      Pacing
		from   ScheduleState
		due    float64
		begin  float64
		missed int64
	}{
		{"on time", grid, state, 50, 50, 0},
		{"too late for two", grid, state, 50, 71, 3},
		{"what was counted is not counted again", grid, owing, 42, 44, 0},
		{"ended with a tick", grid, onTick, 40, 44, 0},
		{"what was skipped is not made up for", skip, skipped, 50, 50, 0},
		{"fixed delay", fixed, ofFixed, 50, 71, 0},
		{"no schedule", grid, ScheduleState{}, 44, 44, 0},
		{"another interval", Pacing{Interval: time.Second}, state, 44, 44, 0},
		{"no interval any more", Pacing{}, state, 44, 44, 0},
		{"from a grid to a fixed delay", fixed, state, 44, 44, 0},
		{"from a fixed delay to a grid", grid, ofFixed, 44, 44, 0},
	} {
		s := ResumeSchedule(c.p, c.from, after(44), after(44), 2*time.Second)
		assert.Equal(t, after(c.due), s.Next(), c.name)
		missed, run := s.Begin(after(c.begin), false)
		assert.True(t, run, c.name)
		assert.Equal(t, c.missed, missed, c.name)
	}
}

// A next program with another jitter does not run twice for one tick.
func TestScheduleResumeWithAnotherJitter(t *testing.T) {
	p := Pacing{Interval: 10 * time.Second, Jitter: 9 * time.Second, Names: []string{"poller"}}
	from := ScheduleState{GridAge: 42 * time.Second, Interval: 10 * time.Second, Served: 4, Counted: -1, DueIn: 8 * time.Second}
	s := ResumeSchedule(p, from, after(42), after(42), 0)
	require.Equal(t, after(50), s.Next())
	require.True(t, s.at(5).After(after(50)))
	_, run := s.Begin(after(50), false)
	require.True(t, run)
	require.Zero(t, s.End(after(50.5)))
	assert.Equal(t, s.at(6), s.Next())
}

// The state is handed over as JSON. Its names must stay: the program that reads
// it may be of another version than the one that wrote it.
func TestScheduleStateAsJSON(t *testing.T) {
	s := NewSchedule(Pacing{Interval: 10 * time.Second, First: AfterInterval}, gridStart, gridStart)
	text, err := json.Marshal(s.State(after(4)))
	require.NoError(t, err)
	assert.JSONEq(t, `{"grid_age":-6000000000,"interval":10000000000,"served":-1,"counted":-1,"due_in":6000000000}`, string(text))
}

// What each iteration asks of the schedule costs no memory.
func TestScheduleAllocatesNothing(t *testing.T) {
	for _, p := range []Pacing{{}, {Interval: time.Second}, {Interval: time.Second, FixedDelay: true}} {
		s := NewSchedule(p, gridStart, gridStart)
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			now := s.Next()
			s.Begin(now, false)
			s.End(now)
		}), p.String())
	}
}

func BenchmarkSchedule(b *testing.B) {
	for _, p := range []Pacing{
		{},
		{Interval: time.Second},
		{Interval: time.Second, Jitter: time.Second / 2, Names: []string{"poller", "host"}},
	} {
		b.Run(p.String()+" jitter "+p.Jitter.String(), func(b *testing.B) {
			s := NewSchedule(p, gridStart, gridStart)
			b.ReportAllocs()
			for b.Loop() {
				now := s.Next()
				s.Begin(now, false)
				s.End(now)
			}
		})
	}
}
