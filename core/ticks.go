package core

import (
	"time"

	"github.com/evertick/evertick/clockwork"
)

// schedule tells when iterations are due. now and wall are readings of the clock
// at one instant. An error is a defect of the user's schedule, which then stands
// where it was.
type schedule interface {
	// Next returns when it is to be asked.
	Next() time.Time

	// Begin returns how many ticks were missed before an iteration that wants to
	// start, and whether it may start. woken says that SIGCONT asks for it.
	Begin(now, wall time.Time, woken bool) (missed int64, run bool, err error)

	// End notes that an iteration has ended, and returns how many ticks it ran
	// over.
	End(now, wall time.Time) (missed int64, err error)
}

// gridTicks is a schedule on the grid, or of pauses.
type gridTicks struct{ *clockwork.Schedule }

var _ schedule = gridTicks{}

func (g gridTicks) Begin(now, _ time.Time, woken bool) (missed int64, run bool, err error) {
	missed, run = g.Schedule.Begin(now, woken)
	return missed, run, nil
}

func (g gridTicks) End(now, _ time.Time) (missed int64, err error) { return g.Schedule.End(now), nil }
