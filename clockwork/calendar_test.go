package clockwork_test

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
)

// clockface is a wall clock and a monotonic one that a test moves.
type clockface struct {
	s         *clockwork.CalendarSchedule
	now, wall time.Time
}

func (c *clockface) pass(d time.Duration) { c.now, c.wall = c.now.Add(d), c.wall.Add(d) }

func calendar(t *testing.T, spec, wall string, p clockwork.Pacing, from clockwork.CalendarState) *clockface {
	t.Helper()
	parsed, err := cron.ParseStandard(spec)
	require.NoError(t, err)
	c := &clockface{now: time.Unix(1000, 0), wall: instant(t, wall)}
	c.s = clockwork.NewCalendarSchedule(parsed, p, from, c.now, c.wall)
	return c
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateTime, text)
	require.NoError(t, err)
	return at
}

// until looks whenever the schedule asks for it, until an iteration is to start,
// and returns when that is, by the wall clock.
func (c *clockface) until(t *testing.T) (at string, missed int64) {
	t.Helper()
	for range 100_000 {
		if d := c.s.Next().Sub(c.now); d > 0 {
			require.LessOrEqual(t, d, time.Minute, "a step of the wall clock must not go unnoticed")
			c.pass(d)
		}
		n, run := c.s.Begin(c.now, c.wall)
		if missed += n; run {
			return c.wall.Format(time.DateTime), missed
		}
	}
	t.Fatal("no tick comes")
	return "", 0
}

func (c *clockface) wants(t *testing.T, at string, missed int64) {
	t.Helper()
	got, n := c.until(t)
	require.Equal(t, at, got)
	require.Equal(t, missed, n, "missed")
}

// ends ends an iteration that took d.
func (c *clockface) ends(t *testing.T, d time.Duration, missed int64) {
	t.Helper()
	c.pass(d)
	require.Equal(t, missed, c.s.End(c.now, c.wall))
}

var onlyTicks = clockwork.Pacing{First: clockwork.AfterInterval}

func TestACalendarTicksOnTheWallClock(t *testing.T) {
	c := calendar(t, "30 2 * * 1-5", "2026-11-27 10:00:00", onlyTicks, clockwork.CalendarState{}) // a Friday
	require.Equal(t, instant(t, "2026-11-30 02:30:00"), c.s.Tick())
	c.wants(t, "2026-11-30 02:30:00", 0)
	require.Equal(t, 24*time.Hour, c.s.Interval())
	c.ends(t, time.Hour, 0)
	c.wants(t, "2026-12-01 02:30:00", 0)
	c.ends(t, 24*time.Hour, 0) // the next tick is at the very instant
	c.wants(t, "2026-12-02 02:30:00", 0)
}

func TestTheFirstIterationOfACalendarMayStartAtOnce(t *testing.T) {
	c := calendar(t, "0 * * * *", "2026-11-27 10:20:00", clockwork.Pacing{}, clockwork.CalendarState{})
	c.wants(t, "2026-11-27 10:20:00", 0)
	require.Equal(t, 40*time.Minute, c.s.Interval())
	c.ends(t, time.Second, 0)
	c.wants(t, "2026-11-27 11:00:00", 0)
}

// The policies of missed ticks are those of the grid.
func TestMissedTicksOfACalendar(t *testing.T) {
	for _, c := range []struct {
		policy clockwork.MissedPolicy
		then   []string
	}{
		{clockwork.Coalesce, []string{"2026-11-27 13:30:00", "2026-11-27 14:00:00"}},
		{clockwork.Skip, []string{"2026-11-27 14:00:00", "2026-11-27 15:00:00"}},
		{clockwork.CatchUp, []string{"2026-11-27 13:30:00", "2026-11-27 13:30:00", "2026-11-27 14:00:00"}},
	} {
		p := onlyTicks
		p.Missed = c.policy
		// An iteration runs over two ticks.
		f := calendar(t, "0 * * * *", "2026-11-27 10:20:00", p, clockwork.CalendarState{})
		f.wants(t, "2026-11-27 11:00:00", 0)
		f.ends(t, 150*time.Minute, 2)
		for _, at := range c.then {
			f.wants(t, at, 0)
			f.ends(t, 0, 0)
		}
		// The machine was suspended over two ticks.
		f = calendar(t, "0 * * * *", "2026-11-27 11:30:00", p, clockwork.CalendarState{})
		f.wall = f.wall.Add(2 * time.Hour)
		missed := int64(2)
		for _, at := range c.then {
			if c.policy != clockwork.Skip {
				at = at[:14] + map[bool]string{true: "31", false: at[14:16]}[at[14:16] == "30"] + at[16:]
			}
			f.wants(t, at, missed)
			f.ends(t, 0, 0)
			missed = 0
		}
	}
}

// After a step of the wall clock the schedule is asked again within a minute, and
// no tick is served twice.
func TestAStepOfTheWallClock(t *testing.T) {
	c := calendar(t, "30 2 * * *", "2026-11-27 02:00:00", onlyTicks, clockwork.CalendarState{})
	c.wants(t, "2026-11-27 02:30:00", 0)
	c.ends(t, time.Minute, 0)
	c.wall = c.wall.Add(-time.Hour) // the hour comes once more
	c.wants(t, "2026-11-28 02:30:00", 0)
	c.ends(t, time.Minute, 0)
	c.wall = c.wall.Add(23 * time.Hour) // forwards, to before the next tick
	c.wants(t, "2026-11-29 02:30:00", 0)
	c.ends(t, time.Minute, 0)

	// Two days too far: one iteration makes up for both ticks. When the clock is
	// set back, the first of them comes at its hour, and the second was served.
	c.wall = c.wall.Add(48 * time.Hour)
	at, missed := c.until(t)
	require.Equal(t, "2026-12-01 02:32:00", at)
	require.EqualValues(t, 2, missed)
	c.ends(t, time.Minute, 0)
	c.wall = c.wall.Add(-48 * time.Hour)
	c.wants(t, "2026-11-30 02:30:00", 0)
	c.ends(t, time.Minute, 0)
	c.wants(t, "2026-12-02 02:30:00", 0)
}

// A schedule goes on where another one was, if it is of the same calendar.
func TestACalendarScheduleGoesOn(t *testing.T) {
	c := calendar(t, "30 2 * * *", "2026-11-27 02:00:00", onlyTicks, clockwork.CalendarState{})
	c.wants(t, "2026-11-27 02:30:00", 0)
	state := c.s.State()

	calendar(t, "30 2 * * *", "2026-11-27 20:00:00", onlyTicks, state).wants(t, "2026-11-28 02:30:00", 0)
	calendar(t, "30 2 * * *", "2026-11-28 08:00:00", onlyTicks, state).wants(t, "2026-11-28 08:00:00", 0)
	calendar(t, "30 2 * * *", "2026-11-30 08:00:00", onlyTicks, state).wants(t, "2026-11-30 08:00:00", 3)
	calendar(t, "0 4 * * *", "2026-11-30 08:00:00", onlyTicks, state).wants(t, "2026-12-01 04:00:00", 0)
	// The clock was set back meanwhile: the tick was served.
	calendar(t, "30 2 * * *", "2026-11-27 02:10:00", onlyTicks, state).wants(t, "2026-11-28 02:30:00", 0)
}

// Spread shifts every iteration alike, and a fleet is spread out.
func TestSpreadOfACalendar(t *testing.T) {
	p := onlyTicks
	p.Spread, p.Names = time.Hour, []string{"nightly", "host7"}
	c := calendar(t, "30 2 * * *", "2026-11-27 00:00:00", p, clockwork.CalendarState{})
	first, _ := c.until(t)
	c.ends(t, time.Minute, 0)
	second, _ := c.until(t)
	require.Equal(t, clockwork.Share(time.Hour, p.Names...).Truncate(time.Second), instant(t, first).Sub(instant(t, "2026-11-27 02:30:00")))
	require.Equal(t, 24*time.Hour, instant(t, second).Sub(instant(t, first)))
}

type never struct{}

func (never) Next(time.Time) time.Time { return time.Time{} }

type stuck struct{}

func (stuck) Next(after time.Time) time.Time { return after }

// A calendar without a further tick, and one that does not go on, tick no more.
func TestACalendarWithoutATick(t *testing.T) {
	for _, c := range []clockwork.Calendar{never{}, stuck{}} {
		now, wall := time.Unix(0, 0), instant(t, "2026-11-27 00:00:00")
		s := clockwork.NewCalendarSchedule(c, onlyTicks, clockwork.CalendarState{}, now, wall)
		require.True(t, s.Tick().IsZero())
		for range 3 {
			require.Equal(t, time.Minute, s.Next().Sub(now))
			now, wall = now.Add(time.Minute), wall.Add(time.Minute)
			_, run := s.Begin(now, wall)
			require.False(t, run)
		}
	}
}
