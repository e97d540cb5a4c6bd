package clockwork_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// noon is where the grids of these tests begin.
var noon = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

func TestGridBetweenTicks(t *testing.T) {
	grid := clockwork.Grid{First: noon, Interval: 5 * time.Second}
	for _, c := range []struct {
		name       string
		since      time.Duration
		last, next int64
	}{
		{"an hour before the first", -time.Hour, -1, 0},
		{"a nanosecond before the first", -1, -1, 0},
		{"at the first", 0, 0, 1},
		{"a nanosecond after the first", 1, 0, 1},
		{"between two", 7 * time.Second, 1, 2},
		{"a nanosecond before one", 10*time.Second - 1, 1, 2},
		{"at one", 10 * time.Second, 2, 3},
		{"a year later", 365 * 24 * time.Hour, 6307200, 6307201},
	} {
		now := noon.Add(c.since)
		if got := grid.Last(now); got != c.last {
			t.Errorf("%s: Last = %d, want %d", c.name, got, c.last)
		}
		if got := grid.Next(now); got != c.next {
			t.Errorf("%s: Next = %d, want %d", c.name, got, c.next)
		}
	}
}

// However late each iteration is, the row stays where it is.
func TestGridAccumulatesNoError(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, interval := range []time.Duration{1, 3, time.Millisecond, time.Second / 3, 7 * time.Hour} {
		grid := clockwork.Grid{First: noon, Interval: interval}
		for n := range int64(10_000) {
			at := grid.At(n)
			if want := noon.Add(time.Duration(n) * interval); !at.Equal(want) {
				t.Fatalf("every %v: tick %d at %v, want %v", interval, n, at, want)
			}
			if grid.Last(at) != n || grid.Next(at) != n+1 {
				t.Fatalf("every %v: at tick %d, Last = %d and Next = %d", interval, n, grid.Last(at), grid.Next(at))
			}
			now := at.Add(time.Duration(random.Int64N(int64(interval))))
			if grid.Next(now) != n+1 {
				t.Fatalf("every %v: %v after tick %d, Next = %d", interval, now.Sub(at), n, grid.Next(now))
			}
		}
	}
}

func TestAligned(t *testing.T) {
	adelaide := time.FixedZone("UTC+10:30", 10*3600+1800)
	for _, c := range []struct {
		wall     time.Time
		interval time.Duration
		want     string
	}{
		{noon, 5 * time.Second, "12:00:00"},
		{noon.Add(1), 5 * time.Second, "12:00:05"},
		{noon.Add(4999 * time.Millisecond), 5 * time.Second, "12:00:05"},
		{noon.Add(time.Minute), time.Hour, "13:00:00"},
		{noon.Add(time.Minute).In(adelaide), time.Hour, "23:00:00"},
		{noon.Add(12*time.Hour - time.Minute), 24 * time.Hour, "00:00:00"},
		{time.Date(2026, time.March, 4, 0, 0, 0, 0, time.UTC), 7 * time.Second, "00:00:00"},
		{time.Date(2026, time.March, 4, 0, 0, 1, 0, time.UTC), 7 * time.Second, "00:00:07"},
	} {
		got := clockwork.Aligned(c.wall, c.interval)
		if got.Format(time.TimeOnly) != c.want || got.Before(c.wall) || got.Sub(c.wall) >= c.interval {
			t.Errorf("Aligned(%v, %v) = %v, want %s", c.wall, c.interval, got, c.want)
		}
	}
}

// Seven seconds do not divide a day: the row starts again at midnight.
func TestAlignedStartsAgainAtMidnight(t *testing.T) {
	late := time.Date(2026, time.March, 4, 23, 59, 59, 0, time.UTC)
	got := clockwork.Aligned(late, 7*time.Second)
	if want := late.Add(time.Second); !got.Equal(want) {
		t.Errorf("Aligned = %v, want midnight", got)
	}
}

// On the days on which the clocks change, the hours that people read are round.
func TestAlignedWhereTheClocksChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine has no time zone database")
	}
	for _, day := range []time.Time{
		time.Date(2026, time.March, 29, 0, 0, 0, 0, berlin),   // 23 hours
		time.Date(2026, time.October, 25, 0, 0, 0, 0, berlin), // 25 hours
	} {
		for passed := time.Duration(0); passed < 23*time.Hour; passed += 17 * time.Minute {
			wall := day.Add(passed)
			got := clockwork.Aligned(wall, time.Hour)
			if got.Minute() != 0 || got.Second() != 0 || got.Before(wall) || got.Sub(wall) >= time.Hour {
				t.Errorf("Aligned(%v, 1h) = %v", wall, got)
			}
		}
	}
}
