package world

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// bootOffset is how long the world's machines were up when it began.
const bootOffset = time.Hour

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
	sweep   int                   // how many entries due has before those of the past are swept out
	hasLoop bool                  // the loop's timer has been made
}

var (
	_ clockwork.Clock       = (*Clock)(nil)
	_ clockwork.BootSleeper = (*Clock)(nil)
	_ clockwork.WallWatcher = (*Clock)(nil)
)

func newClock(t *worldTime, wall *WallClock, g *Generation) *Clock {
	return &Clock{time: t, wall: wall, g: g, due: map[time.Duration]int{}, sweep: manyTimers}
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
func (c *Clock) Now() time.Time { return time.Unix(0, c.time.startedAt+int64(c.now())) }

// Wall follows the steps of the machine's wall clock.
func (c *Clock) Wall() time.Time { return c.wall.at(c.now()) }

// Boot is the same for all processes of a machine.
func (c *Clock) Boot() time.Duration {
	now := c.now()
	return now + bootOffset + time.Duration(c.wall.suspended.Load())
}

// SleepUntilBoot notices when the machine was suspended.
func (c *Clock) SleepUntilBoot(ctx context.Context, at time.Duration) error {
	for {
		wakes := c.wall.awake.next()
		left := at - c.Boot()
		if c.time.abandoned.Load() {
			return errGone
		}
		if left <= 0 {
			return nil
		}
		t := c.NewTimer(left)
		select {
		case <-t.C():
		case <-wakes:
			if c.g != nil {
				c.time.sleepUntilLane(c.g.process.block, laneResumed)
			}
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// WatchWall tells of steps in a lane of the process, and not while it is stopped.
func (c *Clock) WatchWall(ctx context.Context, stepped func()) {
	for next := c.wall.stepped.next(); ; {
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
		next = c.wall.stepped.next()
		if c.g != nil {
			c.time.sleepUntilLane(c.g.process.block, laneResumed)
		}
		_ = c.now()
		if ctx.Err() != nil || c.time.abandoned.Load() {
			return
		}
		stepped()
	}
}

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
	wait := t.wait(d)
	t.timer = after(wait)
	t.arm(wait)
	return t
}

// lane returns when one more timer fires that is due in that quantum. Those of
// one quantum fire in the order in which they were set; what does not find a lane
// in it spills over to the next.
func (c *Clock) lane(now, due time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) >= c.sweep {
		maps.DeleteFunc(c.due, func(at time.Duration, _ int) bool { return at < now })
		c.sweep = manyTimers + 2*len(c.due)
	}
	for c.due[due] == laneStep-laneTimers {
		due += c.time.quantum
	}
	c.due[due]++
	return due + lane(c.g.process.block, laneTimers+c.due[due]-1)
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
func (t *laneTimer) Stop() bool {
	if t.clock.g != nil && !t.loop {
		t.clock.g.timers.remove(t.timer)
	}
	return t.timer.Stop()
}

// Reset leaves no stale value either.
func (t *laneTimer) Reset(d time.Duration) bool {
	wait := t.wait(d)
	was := t.timer.Reset(wait)
	t.arm(wait)
	return was
}

// arm notes that the timer is to end with the generation. The loop's need not:
// its checkpoint is there for that.
func (t *laneTimer) arm(wait time.Duration) {
	if t.clock.g != nil && !t.loop {
		now := t.clock.time.exact()
		t.clock.g.timers.add(t.timer, now, now+wait)
	}
}

// wait is how long it is until the lane of the quantum d from now. A timer that
// is due at once fires at once.
func (t *laneTimer) wait(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	now := t.clock.time.exact()
	quantum := t.clock.time.quantum
	due := (now.Truncate(quantum) + d + quantum - 1).Truncate(quantum)
	switch g := t.clock.g; {
	case g == nil:
	case t.loop:
		due += lane(g.process.block, laneLoop)
	default:
		due = t.clock.lane(now, due)
	}
	return due - now
}
