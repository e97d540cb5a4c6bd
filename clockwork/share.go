package clockwork

import (
	"hash/fnv"
	"time"
)

// Share returns a part of whole, from 0 to just below it, that depends on the
// names alone: FNV-1a over the names, each followed by a zero byte. Every
// program and every version must come to the same part, or a restart would
// move the grid.
func Share(whole time.Duration, names ...string) time.Duration {
	if whole <= 0 {
		return 0
	}
	h := fnv.New64a()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	return time.Duration(h.Sum64() % uint64(whole))
}
