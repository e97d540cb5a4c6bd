package daemontest

import (
	"time"

	"github.com/evertick/evertick/clockwork"
)

// bubbleClock follows the time of the bubble that it is used in, even though
// it is made outside.
var bubbleClock = clockwork.Real()

// worldClock is the clock of one image: the bubble's, in whole quanta, with
// timers that fire in the process's own lanes, and a wall clock that can be
// stepped. While the process is stopped, whoever looks at it waits. Without an
// image it is the world's own.
type worldClock struct {
	w *World
	i *image
}

var _ clockwork.Clock = worldClock{}

// now is the time since the scenario's start, for somebody of the image.
func (c worldClock) now() time.Duration {
	if c.i != nil && c.i.stopped.Load() {
		c.i.awake()
	}
	return c.w.now()
}

func (c worldClock) Now() time.Time { return c.w.start.Add(c.now()) }

func (c worldClock) Wall() time.Time {
	return c.w.scenario.wallStart().Add(c.now() + time.Duration(c.w.wallStep.Load()))
}

// bootOffset is how long the world's machines were up when it began.
const bootOffset = time.Hour

func (c worldClock) Boot() time.Duration { return c.now() + bootOffset }

func (c worldClock) NewTimer(d time.Duration) clockwork.Timer {
	t := &laneTimer{clock: c}
	if c.i != nil {
		c.i.mu.Lock()
		t.loop = !c.i.loop // the first timer of an image is its loop's
		c.i.loop = true
		c.i.mu.Unlock()
	}
	t.Timer = bubbleClock.NewTimer(t.wait(d))
	return t
}

// laneTimer fires in a lane of its process: the loop's timer in one of its own,
// the others, where several are due in one quantum, in the order in which they
// were set.
type laneTimer struct {
	clockwork.Timer
	clock worldClock
	loop  bool
}

func (t *laneTimer) Reset(d time.Duration) bool { return t.Timer.Reset(t.wait(d)) }

// wait is how long it is until the lane of the quantum d from now. A timer that
// is due at once fires at once.
func (t *laneTimer) wait(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	since := time.Since(t.clock.w.start)
	due := (since.Truncate(quantum) + d + quantum - 1).Truncate(quantum)
	switch i := t.clock.i; {
	case i == nil:
	case t.loop:
		due += lane(i.block, laneLoop)
	default:
		due += lane(i.block, i.timerLane(since, due))
	}
	return due - since
}

// manyTimers is how many entries image.fires has before the past is swept out.
const manyTimers = 256

// timerLane is the lane of one more timer that is due in that quantum.
func (i *image) timerLane(now, due time.Duration) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.fires) >= manyTimers {
		for at := range i.fires {
			if at < now {
				delete(i.fires, at)
			}
		}
	}
	n := i.fires[due]
	i.fires[due] = n + 1
	return laneTimers + n%(laneStep-laneTimers)
}
