package clockwork

import "time"

// MissedPolicy says what becomes of the ticks that passed while an iteration
// overran or the process was stopped. All of them are counted in any case.
type MissedPolicy int

const (
	// Coalesce makes up for all of them by one iteration that starts at once;
	// the grid is met again after it.
	Coalesce MissedPolicy = iota

	// Skip drops them and waits for the next point of the grid.
	Skip

	// CatchUp makes up for every one, back to back.
	CatchUp
)

// FirstTick says when the first iteration starts.
type FirstTick int

const (
	// Immediately starts it at once.
	Immediately FirstTick = iota

	// AfterInterval starts it one interval later.
	AfterInterval

	// AlignedToClock starts it at the wall clock's next round number: see
	// Aligned.
	AlignedToClock
)

// Pacing declares when iterations start. The zero value means one after the
// other, without a pause. It is not written after it was declared, so its
// methods are safe for concurrent use.
type Pacing struct {
	// Interval is the time between two ticks; with FixedDelay, from the end of
	// an iteration to the start of the next. 0 means no pause at all.
	Interval time.Duration

	// FixedDelay measures from the end of the last iteration. There is then no
	// grid, no overrun and no missed tick. Of the fields below, only an
	// AfterInterval in First then has an effect.
	FixedDelay bool

	// First says when the first iteration starts. The default is Immediately.
	First FirstTick

	// Missed says what becomes of missed ticks. The default is Coalesce.
	Missed MissedPolicy

	// Spread shifts the whole grid by a part of Spread that depends on Names
	// alone. It must be less than Interval; 0 means no shift.
	Spread time.Duration

	// Jitter shifts each tick by a part of Jitter that depends on the tick's
	// number and Names. The shifts do not add up. It must be less than
	// Interval; 0 means no shift.
	Jitter time.Duration

	// Names tell one schedule from another, for Spread and Jitter.
	Names []string
}

// HasGrid reports whether there are ticks, which can be missed.
func (p *Pacing) HasGrid() bool { return p.Interval > 0 && !p.FixedDelay }

// Left returns the time until the next start after an iteration that started
// with its tick and took that long; 0 where the next one starts at once.
func (p *Pacing) Left(took time.Duration) time.Duration {
	if p.FixedDelay {
		return p.Interval
	}
	return max(p.Interval-took, 0)
}

// Overran reports whether an iteration took longer than the interval.
func (p *Pacing) Overran(took time.Duration) bool { return p.HasGrid() && took > p.Interval }

// NearLimit reports whether an iteration took more than 90 % of the interval,
// and not more than all of it.
func (p *Pacing) NearLimit(took time.Duration) bool {
	return p.HasGrid() && took > p.Interval*9/10 && took <= p.Interval
}

// String returns the pacing as people read it, such as "5s".
func (p *Pacing) String() string {
	switch {
	case p.FixedDelay:
		return p.Interval.String() + " after the end of each iteration"
	case p.Interval == 0:
		return "0: no sleep"
	default:
		return p.Interval.String()
	}
}
