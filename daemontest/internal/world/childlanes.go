package world

import "time"

// childWidth is how many lanes a child has: there are more of them than
// processes, and fewer things happen to each.
const childWidth = 5

// The lanes of a child, within its block.
const (
	childBegins = iota // its life begins
	childSignal        // signals arrive
	childWorked        // its scripted work ends
	childCalled        // what the daemon sends arrives
)

// childSlots is how many children at once have lanes of their own.
const childSlots = childBlocks * laneWidth / childWidth

// childBlock is the lanes of one child.
type childBlock struct {
	time *worldTime
	at   time.Duration // of the first one, within a quantum
}

// childBlock returns the lanes of the n-th slot for children.
func (t *worldTime) childBlock(n int) childBlock {
	n %= childSlots
	block := t.blocks[(len(t.blocks)-childBlocks)/2+n%childBlocks]
	return childBlock{t, lane(block, n/childBlocks*childWidth)}
}

// until is how long it is until a lane comes, d from now; never no time at all.
func (b childBlock) until(sub int, d time.Duration) time.Duration {
	return b.time.untilPlace(b.at+time.Duration(sub), d)
}

// sleepUntil waits for the next time that a lane comes.
func (b childBlock) sleepUntil(sub int) { sleep(b.until(sub, 0)) }
