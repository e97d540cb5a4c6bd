package core

import "time"

// memoryStrikes is how many looks in a row must find too much memory.
const memoryStrikes = 5

// health is what is counted of a daemon's failures.
type health struct {
	failures int // of Execute, in a row
	strikes  int // looks in a row that found too much memory
}

// executed counts the outcome of an iteration, and reports whether it is the
// last failure in a row that is allowed, which makes it fatal. before says that
// another one succeeded just before it.
func (h *health) executed(failed, before bool, limit int) (fatal bool) {
	if !failed || before {
		h.failures = 0
	}
	if !failed {
		return false
	}
	h.failures++
	return h.failures >= limit
}

// weigh reports whether the memory in use has now been above the mark for
// memoryStrikes looks in a row. Then it starts to count again.
func (h *health) weigh(resident, mark uint64) bool {
	if resident <= mark {
		h.strikes = 0
		return false
	}
	if h.strikes++; h.strikes < memoryStrikes {
		return false
	}
	h.strikes = 0
	return true
}

// overrun is what was told of the iteration that runs.
type overrun struct {
	told  bool          // that its interval is over
	pause time.Duration // to the next reminder
}
