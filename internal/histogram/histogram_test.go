package histogram

import (
	"math"
	"testing"
	"time"
)

// Each duration falls into a bucket whose upper end is at most an eighth above
// it.
func TestHistogramBucketsAreAnEighthWide(t *testing.T) {
	for _, d := range []time.Duration{
		0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 1000, 1023, 1024, 1025, time.Microsecond, time.Millisecond, time.Second - 1, time.Second,
		time.Hour, 366 * 24 * time.Hour, math.MaxInt64,
	} {
		i := bucketOf(d)
		if end := upperEnd(i); end < d || end-d > d/8 {
			t.Errorf("%d is in bucket %d, which ends with %d", d, i, end)
		}
		if i > 0 && upperEnd(i-1) >= d {
			t.Errorf("%d is in bucket %d, although the one before ends with %d", d, i, upperEnd(i-1))
		}
	}
	if i := bucketOf(-time.Second); i != 0 {
		t.Errorf("a negative duration is in bucket %d", i)
	}
}

func TestHistogramQuantile(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.99); got != 0 {
		t.Errorf("of nothing: %s", got)
	}
	for ms := 1; ms <= 100; ms++ {
		h.Add(time.Duration(ms) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Millisecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := h.Quantile(q); got < want || got > want+want/8 {
			t.Errorf("quantile %g: want about %s, got %s", q, want, got)
		}
	}
}
