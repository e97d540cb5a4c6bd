package world

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// laneWidth is how many nanoseconds the lanes of one process or step take. A
// quantum, the grain of the world's time, has lanes for all of them: each wakes
// in lanes of its own, so that what happens at one instant happens in an order
// that the seed alone decides.
const laneWidth = 20

// The lanes of a process, within its block.
const (
	laneSignal  = iota // signals are delivered
	laneLoop           // the loop wakes, generations begin
	laneSetup          // Setup begins
	laneHook           // a hook begins
	laneResumed        // what a stop has held up goes on
	laneExecute        // an Execute that is not scripted begins
	laneScript         // a scripted one ends
	laneArrival        // what another process has done arrives
	laneMail           // the mail server answers
	laneLock           // the lock store answers
	laneHandler        // handlers of signals begin
	laneClient         // what a host in the network has sent arrives
	laneServer         // what it is sent arrives
	laneDisk           // the disk has written a line
	laneTimers         // all other timers take turns at the lanes from here on
	laneStep    = laneWidth - 1
)

// childBlocks are the blocks whose lanes children share, in the middle of the
// seed's order: processes take blocks from one end, and steps from the other.
const childBlocks = 17

// worldTime is the time of a world: that of the bubble, in quanta and lanes.
// It is safe for concurrent use.
type worldTime struct {
	startedAt int64 // the scenario's start, in ns since 1970
	quantum   time.Duration
	blocks    []int        // of lanes, in the seed's order
	over      atomic.Int64 // when the scenario was over; 0 until then
	abandoned atomic.Bool  // the scenario was judged, or hangs: nothing has an effect any more

	judged chan struct{} // closed when the scenario was judged
}

// newTime returns the time of a world with so many processes and steps. Daemons
// see whole quanta, which are microseconds, or several where that is too short.
func newTime(seed uint64, actors int) *worldTime {
	quantum := (time.Duration((actors+childBlocks)*laneWidth)/time.Microsecond + 1) * time.Microsecond
	return &worldTime{
		quantum:   quantum,
		startedAt: time.Now().UnixNano(),
		judged:    make(chan struct{}),
		blocks:    rand.New(rand.NewPCG(seed, 0x5eed)).Perm(int(quantum) / laneWidth),
	}
}

// processBlock is the block of lanes of the n-th process, stepBlock of the n-th
// step. Processes take them from one end, steps from the other.
func (t *worldTime) processBlock(n int) int { return t.blocks[n%len(t.blocks)] }
func (t *worldTime) stepBlock(n int) int    { return t.blocks[len(t.blocks)-1-n%len(t.blocks)] }

// lane is the place of a lane within a quantum.
func lane(block, sub int) time.Duration { return time.Duration(block*laneWidth + sub) }

// exact is the time since the scenario's start, with its lane. Time.Sub would take
// several times as long in a bubble, whose times have no monotonic reading.
func (t *worldTime) exact() time.Duration { return time.Duration(time.Now().UnixNano() - t.startedAt) }

// now is the time since the scenario's start, in whole quanta; when it is over,
// that of its end.
func (t *worldTime) now() time.Duration {
	if over := t.over.Load(); over != 0 {
		return time.Duration(over)
	}
	return t.exact().Truncate(t.quantum)
}

// until is how long it is until a lane comes, d from now; never no time at all.
func (t *worldTime) until(block, sub int, d time.Duration) time.Duration {
	return t.untilPlace(lane(block, sub), d)
}

// untilPlace is until for a place within the quantum.
func (t *worldTime) untilPlace(place, d time.Duration) time.Duration {
	now := t.exact()
	at := (now.Truncate(t.quantum) + d).Truncate(t.quantum) + place
	if at <= now {
		at += t.quantum
	}
	return at - now
}

// within is how long it is until a lane of the quantum d from now, as it is
// counted from this quantum; 0 or less when that has passed.
func (t *worldTime) within(block, sub int, d time.Duration) time.Duration {
	now := t.exact()
	return now.Truncate(t.quantum) + d + lane(block, sub) - now
}

// sleepUntilLane waits for the next time that a lane comes. What was woken by
// something else does so first, so that the two do not act at one instant.
func (t *worldTime) sleepUntilLane(block, sub int) { sleep(t.until(block, sub, 0)) }

// sleepWithinQuantum waits for a lane of the present quantum, if it has not
// passed yet.
func (t *worldTime) sleepWithinQuantum(block, sub int) { sleep(t.within(block, sub, 0)) }

// sleep and after are those of the bubble.
func sleep(d time.Duration)             { time.Sleep(d) }
func after(d time.Duration) *time.Timer { return time.NewTimer(d) }

// end stops the world's time.
func (t *worldTime) end() { t.over.Store(int64(t.now())) }
