package clockwork

import "time"

// Grid is an endless row of equally spaced instants: tick n is due at
// First + n × Interval, for n from 0. It is a value and safe to copy.
//
// Since each instant is computed from the first one, no error accumulates:
// tick 10,000 is as punctual as tick 1.
type Grid struct {
	// First is the instant of tick 0.
	First time.Time

	// Interval is the distance of two ticks; it must be positive.
	Interval time.Duration
}

// At returns the instant of tick n.
func (g Grid) At(n int64) time.Time {
	return g.First.Add(time.Duration(n) * g.Interval)
}

// Last returns the number of the last tick at or before now; -1 before the first.
func (g Grid) Last(now time.Time) int64 {
	since := now.Sub(g.First)
	if since < 0 {
		return -1
	}
	return int64(since / g.Interval)
}

// Next returns the number of the first tick after now.
func (g Grid) Next(now time.Time) int64 { return g.Last(now) + 1 }

// Aligned returns the first instant at or after wall that is a round number of
// intervals since the last midnight in wall's location: for 5 s the seconds
// 0, 5, 10 of each minute, for an hour the full hours. An interval that
// does not divide the day starts again at the next midnight. The interval must
// be positive.
func Aligned(wall time.Time, interval time.Duration) time.Time {
	year, month, day := wall.Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, wall.Location())
	rest := wall.Sub(midnight) % interval
	if rest == 0 {
		return wall
	}
	round := wall.Add(interval - rest)
	if next := time.Date(year, month, day+1, 0, 0, 0, 0, wall.Location()); round.After(next) {
		return next
	}
	return round
}
