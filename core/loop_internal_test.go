package core

import (
	"fmt"
	"testing"
	"time"
)

var gridStart = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// after is the instant s seconds after the grid's first tick.
func after(s float64) time.Time { return gridStart.Add(time.Duration(s * float64(time.Second))) }

// An iteration's start and end, in seconds, what they find missed, and when
// the next one is due. The grid has a tick each 10 s.
func TestScheduleAlongAnIteration(t *testing.T) {
	for _, c := range []struct {
		name       string
		missed     Missed
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
		{"once, overrun", Coalesce, 10, 21, false, true, 0, 1, 21},
		{"once, long overrun", Coalesce, 10, 45, false, true, 0, 3, 45},
		{"once, ends with a later tick", Coalesce, 10, 40, false, true, 0, 2, 40},
		{"skip, overrun", Skip, 10, 21, false, true, 0, 1, 30},
		{"skip, ends with a later tick", Skip, 10, 40, false, true, 0, 2, 40},
		{"all, overrun", CatchUp, 10, 45, false, true, 0, 3, 20},
		{"once, starts late", Coalesce, 35, 36, false, true, 3, 0, 40},
		{"skip, starts late", Skip, 35, 0, false, false, 3, 0, 40},
		{"skip, starts late with a tick", Skip, 40, 41, false, true, 3, 0, 50},
		{"all, starts late", CatchUp, 35, 36, false, true, 3, 0, 20},
		{"woken early", Coalesce, 5, 6, true, true, 0, 0, 10},
		{"woken early, runs into the tick", Coalesce, 5, 12, true, true, 0, 1, 12},
		{"woken late", Coalesce, 35, 36, true, true, 3, 0, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s schedule
			set := settings{interval: 10 * time.Second, missed: c.missed, paced: pacedEvery}
			s.configure(&set)
			s.begin(&set, gridStart, gridStart)
			if missed, run := s.start(gridStart, false); missed != 0 || !run {
				t.Fatalf("first tick: missed %d, runs %t", missed, run)
			}
			s.finish(gridStart)
			missed, run := s.start(after(c.start), c.woken)
			if missed != c.atStart || run != c.runs {
				t.Errorf("start: missed %d, runs %t; want %d, %t", missed, run, c.atStart, c.runs)
			}
			if run {
				if missed := s.finish(after(c.end)); missed != c.atEnd {
					t.Errorf("end: missed %d, want %d", missed, c.atEnd)
				}
			}
			if !s.due.Equal(after(c.due)) {
				t.Errorf("due after %s, want %gs", s.due.Sub(gridStart), c.due)
			}
		})
	}
}

// Every tick is either served by an iteration or counted as missed, once,
// whatever the iterations take.
func TestScheduleAccountsForEachTickOnce(t *testing.T) {
	for _, policy := range []Missed{Coalesce, Skip} {
		var s schedule
		set := settings{interval: 10 * time.Second, missed: policy, paced: pacedEvery}
		s.configure(&set)
		s.begin(&set, gridStart, gridStart)
		now, served, missed := gridStart, int64(0), int64(0)
		for i := range 1000 {
			if now.Before(s.due) {
				now = s.due
			}
			if i%17 == 0 { // suspended
				now = now.Add(time.Duration(i) * time.Second / 3)
			}
			late, run := s.start(now, false)
			missed += late
			if !run {
				continue
			}
			served++
			now = now.Add(time.Duration(i*i%47) * time.Second)
			missed += s.finish(now)
		}
		// With Coalesce an iteration may make up for a tick that is counted, so
		// that together they may be more, but never fewer.
		ticks := s.served + 1
		if got := served + missed; got < ticks || (policy == Skip && got > ticks+1) {
			t.Errorf("%d: served %d and missed %d of %d ticks", policy, served, missed, ticks)
		}
	}
}

func TestScheduleResume(t *testing.T) {
	var s schedule
	set := settings{interval: 10 * time.Second, paced: pacedEvery}
	s.configure(&set)
	s.resume(gridStart, 10*time.Second, 4)
	if !s.due.Equal(after(50)) {
		t.Errorf("due after %s, want 50s", s.due.Sub(gridStart))
	}
	if missed, run := s.start(after(71), false); missed != 3 || !run {
		t.Errorf("two ticks late: missed %d, runs %t; want 3, true", missed, run)
	}
}

func TestFixedJitter(t *testing.T) {
	if got := fixedJitter(0, "a"); got != 0 {
		t.Errorf("of nothing: %s", got)
	}
	seen := map[time.Duration]bool{}
	for i := range 100 {
		name := fmt.Sprintf("poller%d", i)
		j := fixedJitter(time.Second, name, "host")
		if j < 0 || j >= time.Second || j != fixedJitter(time.Second, name, "host") {
			t.Errorf("%s: %s", name, j)
		}
		seen[j.Truncate(100*time.Millisecond)] = true
	}
	if len(seen) < 8 {
		t.Errorf("100 names fall into %d of 10 parts", len(seen))
	}
	if fixedJitter(time.Second, "ab", "c") == fixedJitter(time.Second, "a", "bc") {
		t.Error("two names run into each other")
	}
}
