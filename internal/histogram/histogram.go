// Package histogram keeps durations so that their quantiles can be told.
package histogram

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets whose width is an eighth of their
// magnitude, so a quantile is off by 12.5 % at the most, whatever the range.
// (The layout is that of HDR histograms with three significant bits.) The zero
// value is empty. It is not safe for concurrent use.
type Histogram struct {
	total   int64
	buckets [64 * subBuckets]int64
}

const (
	subBits    = 3
	subBuckets = 1 << subBits
)

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < subBuckets {
		return int(v)
	}
	exp := bits.Len64(v) - 1 - subBits
	return (exp+1)*subBuckets + int(v>>exp) - subBuckets
}

// upperEnd is the largest duration that falls into bucket i.
func upperEnd(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	exp := i/subBuckets - 1
	return time.Duration((uint64(i%subBuckets+subBuckets+1) << exp) - 1)
}

// Add counts a duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.total++
}

// Quantile returns the duration that the share q of all durations does not
// exceed; 0 without any.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := int64(q*float64(h.total-1)) + 1
	for i, n := range h.buckets {
		if rank -= n; rank <= 0 {
			return upperEnd(i)
		}
	}
	return 0
}
