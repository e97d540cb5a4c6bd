package world

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// bootOffset is how long the world's machines were up when it began.
const bootOffset = time.Hour

// manyTimers is how many entries Clock.due has before the past is swept out.
const manyTimers = 256

// WallClock is the wall clock of a machine, which steps can move.
type WallClock struct {
	start time.Time
	steps atomic.Int64 // nanoseconds
}

// Step moves the wall clock by d, forwards or back. No timer notices.
func (w *WallClock) Step(d time.Duration) { w.steps.Add(int64(d)) }

// Clock is the clock of one generation: the bubble's, in whole quanta, with
// timers that fire in the process's own lanes, and the wall clock of its
// machine. While the process is stopped, a look at it waits. Without a
// generation it is the machine's own.
type Clock struct {
	time *worldTime
	wall *WallClock
	g    *Generation

	mu      sync.Mutex            // held for instants only
	due     map[time.Duration]int // how many timers are due in a quantum
	hasLoop bool                  // the loop's timer has been made
}

var _ clockwork.Clock = (*Clock)(nil)

func newClock(t *worldTime, wall *WallClock, g *Generation) *Clock {
	return &Clock{time: t, wall: wall, g: g, due: map[time.Duration]int{}}
}

// Generation returns whose clock it is; nil for a machine's.
func (c *Clock) Generation() *Generation { return c.g }

// now is the time since the scenario's start, for the generation.
func (c *Clock) now() time.Duration {
	if c.g != nil && c.g.process.signals.stopped.Load() {
		c.g.awake()
	}
	return c.time.now()
}

// Now is part of clockwork.Clock, as are the methods that follow.
func (c *Clock) Now() time.Time { return c.time.start.Add(c.now()) }

// Wall follows the steps of the machine's wall clock.
func (c *Clock) Wall() time.Time {
	return c.wall.start.Add(c.now() + time.Duration(c.wall.steps.Load()))
}

// Boot is the same for all processes of a machine.
func (c *Clock) Boot() time.Duration { return c.now() + bootOffset }

// NewTimer makes a timer that fires in a lane of the process. The first timer
// of a generation is its loop's.
func (c *Clock) NewTimer(d time.Duration) clockwork.Timer {
	t := &laneTimer{clock: c}
	if c.g != nil {
		c.mu.Lock()
		t.loop = !c.hasLoop
		c.hasLoop = true
		c.mu.Unlock()
	}
	t.timer = after(t.wait(d))
	return t
}

// lane is the lane of one more timer that is due in that quantum. Those of one
// quantum fire in the order in which they were set.
func (c *Clock) lane(now, due time.Duration) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) >= manyTimers {
		for at := range c.due {
			if at < now {
				delete(c.due, at)
			}
		}
	}
	n := c.due[due]
	c.due[due] = n + 1
	return laneTimers + n%(laneStep-laneTimers)
}

// laneTimer fires in a lane of its process: the loop's timer in one of its own.
type laneTimer struct {
	timer *time.Timer
	clock *Clock
	loop  bool
}

// C is part of clockwork.Timer, as are the methods that follow.
func (t *laneTimer) C() <-chan time.Time { return t.timer.C }

// Stop leaves no stale value, as the time package promises.
func (t *laneTimer) Stop() bool { return t.timer.Stop() }

// Reset leaves no stale value either.
func (t *laneTimer) Reset(d time.Duration) bool { return t.timer.Reset(t.wait(d)) }

// wait is how long it is until the lane of the quantum d from now. A timer that
// is due at once fires at once.
func (t *laneTimer) wait(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	now := t.clock.time.exact()
	due := (now.Truncate(quantum) + d + quantum - 1).Truncate(quantum)
	switch g := t.clock.g; {
	case g == nil:
	case t.loop:
		due += lane(g.process.block, laneLoop)
	default:
		due += lane(g.process.block, t.clock.lane(now, due))
	}
	return due - now
}
