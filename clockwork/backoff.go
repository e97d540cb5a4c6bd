package clockwork

import (
	"math"
	"strconv"
	"time"
)

// maxBackoff leaves space for 10 % more.
const maxBackoff = math.MaxInt64 / 11 * 10

// Backoff returns the pause before attempt n in a row, from 0: initial doubled
// n times, at most limit, and then up to 10 % more or less. How much depends on
// n and the names alone, so that a fleet does not act as one. An initial of 0 or
// less means no pause; a limit below initial counts as initial.
func Backoff(initial, limit time.Duration, n int, names ...string) time.Duration {
	if initial <= 0 {
		return 0
	}
	limit = max(limit, initial)
	pause := initial
	for range n {
		if pause > limit/2 {
			pause = limit
			break
		}
		pause *= 2
	}
	pause = min(pause, maxBackoff)
	return pause - pause/10 + Share(pause/5, append([]string{strconv.Itoa(n)}, names...)...)
}
