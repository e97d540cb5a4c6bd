package clockwork

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ledger is what a schedule must do, written down tick by tick: slow and
// plain, without the arithmetic that the schedule does. Every tick below open
// is in exactly one of served and missed.
type ledger struct {
	pacing Pacing
	first  time.Time // the instant of tick 0, without its jitter

	open           int64 // the first tick that is neither served nor missed
	served, missed map[int64]bool
	owed           []int64 // missed ticks that iterations are still to make up for
}

// tick returns when tick n is due.
func (l *ledger) tick(n int64) time.Time {
	at := l.first.Add(time.Duration(n) * l.pacing.Interval)
	if l.pacing.Jitter == 0 {
		return at
	}
	names := append([]string{string(binary.LittleEndian.AppendUint64(nil, uint64(n)))}, l.pacing.Names...)
	return at.Add(Share(l.pacing.Jitter, names...))
}

// miss writes down the ticks before now that no iteration was started for.
func (l *ledger) miss(now time.Time) (n int64) {
	for ; l.tick(l.open).Before(now); n++ {
		l.missed[l.open] = true
		if l.pacing.Missed != Skip {
			l.owed = append(l.owed, l.open)
		}
		l.open++
	}
	return n
}

func (l *ledger) serve() {
	l.served[l.open] = true
	l.open++
}

// end writes down what an iteration ran over. With Coalesce, the tick at whose
// very instant it ended makes up for that.
func (l *ledger) end(now time.Time) (missed int64) {
	missed = l.miss(now)
	if l.pacing.Missed == Coalesce && l.tick(l.open).Equal(now) {
		l.owed = nil
	}
	return missed
}

func (l *ledger) begin(now time.Time, woken bool) (missed int64, run bool) {
	switch {
	case woken && len(l.owed) == 0 && now.Before(l.tick(l.open)):
		return 0, true // it is for no tick
	case len(l.owed) == 0 && now.Before(l.tick(l.open+1)): // on time, or a little late
		l.serve()
		return 0, true
	}
	missed = l.miss(now)
	onTick := l.tick(l.open).Equal(now)
	switch l.pacing.Missed {
	case CatchUp:
		l.owed = l.owed[1:]
	case Skip:
		if onTick {
			l.serve()
		}
		return missed, onTick
	case Coalesce:
		l.owed = nil
		if onTick {
			l.serve()
		}
	}
	return missed, true
}

// check compares the schedule with the ledger: when the next iteration is due,
// and that the grid has not moved by a nanosecond.
func (l *ledger) check(t *rapid.T, s *Schedule, now time.Time) {
	require.True(t, l.first.Equal(s.grid.First), "the grid has drifted by %s", s.grid.First.Sub(l.first))
	due := s.Next()
	if len(l.owed) > 0 {
		require.False(t, due.After(now), "what is to be made up for is due in %s, not at once", due.Sub(now))
		return
	}
	require.True(t, due.Equal(l.tick(l.open)), "due %s from tick %d", due.Sub(l.tick(l.open)), l.open)
}

// account checks that each tick was served or missed, and not both.
func (l *ledger) account(t *rapid.T) {
	require.Len(t, l.served, int(l.open)-len(l.missed))
	for n := range l.open {
		require.True(t, l.served[n] != l.missed[n], "tick %d: served %t, missed %t", n, l.served[n], l.missed[n])
	}
}

// span draws a duration below most. Half of them are whole steps, so that
// iterations also start and end at the very instant of a tick.
func span(t *rapid.T, most, step time.Duration, name string) time.Duration {
	d := time.Duration(rapid.Int64Range(0, max(int64(most)-1, 0)).Draw(t, name))
	if rapid.Bool().Draw(t, name+" is whole") {
		d -= d % step
	}
	return d
}

// drawPacing draws the declaration of a grid, and a step that its interval is a
// multiple of.
func drawPacing(t *rapid.T) (p Pacing, step time.Duration) {
	step = rapid.SampledFrom([]time.Duration{1, 100 * time.Microsecond, time.Second, time.Hour}).Draw(t, "step")
	p = Pacing{
		Interval: step * time.Duration(rapid.IntRange(1, 12).Draw(t, "steps of an interval")),
		Missed:   rapid.SampledFrom([]MissedPolicy{Coalesce, Skip, CatchUp}).Draw(t, "policy"),
		First:    rapid.SampledFrom([]FirstTick{Immediately, AfterInterval, AlignedToClock}).Draw(t, "first"),
		Names:    []string{rapid.StringN(0, 5, 5).Draw(t, "name")},
	}
	if rapid.Bool().Draw(t, "has spread") {
		p.Spread = span(t, p.Interval, 1, "spread")
	}
	if rapid.Bool().Draw(t, "has jitter") {
		p.Jitter = span(t, p.Interval, 1, "jitter")
	}
	return p, step
}

// firstTick checks where the grid begins, and returns it.
func firstTick(t *rapid.T, s *Schedule, now, wall time.Time) time.Time {
	p := s.pacing
	first := s.grid.First.Add(-Share(p.Spread, p.Names...))
	switch p.First {
	case Immediately:
		require.True(t, first.Equal(now))
	case AfterInterval:
		require.Equal(t, p.Interval, first.Sub(now))
	case AlignedToClock:
		onWall := wall.Add(first.Sub(now))
		require.True(t, onWall.Equal(Aligned(wall, p.Interval)), "the first tick is at %s", onWall)
	}
	return s.grid.First
}

// For any durations, pauses, wake-ups, restarts and policies: iterations never
// overlap, each tick is served or counted as missed exactly once, and nothing
// drifts.
func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, step := drawPacing(t)
		now := gridStart.Add(span(t, time.Hour, step, "start"))
		wall := now.Add(span(t, time.Hour, step, "wall clock ahead"))
		s := NewSchedule(p, now, wall)
		l := &ledger{pacing: p, first: firstTick(t, s, now, wall), served: map[int64]bool{}, missed: map[int64]bool{}}
		for range rapid.IntRange(1, 60).Draw(t, "iterations") {
			woken := rapid.IntRange(0, 3).Draw(t, "woken") == 0
			if woken {
				now = now.Add(span(t, p.Interval, step, "until woken"))
			} else if due := s.Next(); now.Before(due) {
				now = due
			}
			if rapid.IntRange(0, 7).Draw(t, "suspended") == 0 {
				now = now.Add(span(t, 5*p.Interval, step, "suspension"))
			}
			wantMissed, wantRun := l.begin(now, woken)
			missed, run := s.Begin(now, woken)
			require.Equal(t, wantMissed, missed, "missed at the start")
			require.Equal(t, wantRun, run, "runs")
			if run {
				now = now.Add(span(t, 3*p.Interval, step, "takes"))
				require.Equal(t, l.end(now), s.End(now), "missed at the end")
			}
			l.check(t, s, now)
			if rapid.IntRange(0, 5).Draw(t, "restarted") == 0 {
				now, s = restart(t, s, now, span(t, 2*p.Interval, step, "gap"))
				l.check(t, s, now)
			}
		}
		l.account(t)
	})
}

// restart passes the schedule to the next program, whose clock has another
// origin, and returns to the first one's time for the ledger's sake.
func restart(t *rapid.T, s *Schedule, now time.Time, gap time.Duration) (time.Time, *Schedule) {
	text, err := json.Marshal(s.State(now))
	require.NoError(t, err)
	var state ScheduleState
	require.NoError(t, json.Unmarshal(text, &state))
	now = now.Add(gap)
	wall := now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "wall clock stepped")))
	return now, ResumeSchedule(s.pacing, state, now, wall, gap)
}

// Jitter stays below its bound, and ticks keep their order.
func TestJitterProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := drawPacing(t)
		s := NewSchedule(p, gridStart, gridStart)
		from := rapid.Int64Range(0, 100_000).Draw(t, "tick")
		for n := from; n < from+20; n++ {
			shift := s.at(n).Sub(s.grid.At(n))
			require.GreaterOrEqual(t, shift, time.Duration(0))
			require.LessOrEqual(t, shift, max(p.Jitter-1, 0))
			require.True(t, s.at(n).Before(s.at(n+1)), "tick %d is not before the next one", n)
			require.Equal(t, n, s.last(s.at(n)))
			require.Equal(t, n-1, s.last(s.at(n).Add(-1)))
		}
		spread := s.grid.First.Sub(NewSchedule(Pacing{Interval: p.Interval, First: p.First}, gridStart, gridStart).grid.First)
		require.GreaterOrEqual(t, spread, time.Duration(0))
		require.LessOrEqual(t, spread, max(p.Spread-1, 0))
	})
}

// A FixedDelay is measured from the end of the iteration, whatever happens in
// between; so is no pause at all.
func TestFixedDelayProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Pacing{Interval: span(t, time.Hour, time.Second, "pause"), FixedDelay: rapid.Bool().Draw(t, "fixed delay")}
		if !p.FixedDelay {
			p.Interval = 0
		}
		now := gridStart
		s := NewSchedule(p, now, now)
		for range rapid.IntRange(1, 20).Draw(t, "iterations") {
			now = now.Add(span(t, 3*time.Hour, time.Second, "late"))
			missed, run := s.Begin(now, rapid.Bool().Draw(t, "woken"))
			require.True(t, run && missed == 0)
			now = now.Add(span(t, 3*time.Hour, time.Second, "takes"))
			require.Zero(t, s.End(now))
			due := s.Next()
			require.Equal(t, p.Interval, due.Sub(now))
			if p.FixedDelay && p.Interval > 0 && rapid.Bool().Draw(t, "restarted") {
				now, s = restart(t, s, now, span(t, time.Hour, time.Second, "gap"))
				require.True(t, due.Equal(s.Next()))
			}
		}
	})
}
