package clockwork_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evertick/evertick/clockwork"
)

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name           string
		initial, limit time.Duration
		n              int
		about          time.Duration // ± 10 %
	}{
		{"the first", 2 * time.Second, time.Minute, 0, 2 * time.Second},
		{"the second", 2 * time.Second, time.Minute, 1, 4 * time.Second},
		{"the last below the limit", 2 * time.Second, time.Minute, 4, 32 * time.Second},
		{"the first at the limit", 2 * time.Second, time.Minute, 5, time.Minute},
		{"far beyond it", 2 * time.Second, time.Minute, math.MaxInt, time.Minute},
		{"exactly at the limit", time.Second, 4 * time.Second, 2, 4 * time.Second},
		{"no limit of its own", 2 * time.Second, 0, 3, 2 * time.Second},
		{"a limit below initial", time.Minute, time.Second, 3, time.Minute},
		{"a negative limit", time.Minute, math.MinInt64, 3, time.Minute},
		{"no pause", 0, time.Minute, 5, 0},
		{"less than no pause", -time.Second, time.Minute, 5, 0},
	} {
		got := clockwork.Backoff(c.initial, c.limit, c.n, "poller", "host")
		assert.InDelta(t, float64(c.about), float64(got), float64(c.about)/10, c.name)
		assert.Equal(t, got, clockwork.Backoff(c.initial, c.limit, c.n, "poller", "host"), c.name)
	}
}

// A fleet whose members fail together does not come back together.
func TestBackoffDependsOnNamesAndAttempt(t *testing.T) {
	const pause = time.Hour
	assert.NotEqual(t, clockwork.Backoff(pause, pause, 0, "a"), clockwork.Backoff(pause, pause, 0, "b"))
	assert.NotEqual(t, clockwork.Backoff(pause, pause, 1, "a"), clockwork.Backoff(pause, pause, 2, "a"))
}

// Whatever it is given, the pause is initial × 2ⁿ, at most the limit, ± 10 %.
func TestBackoffProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		initial, limit := rapid.Int64().Draw(t, "initial"), rapid.Int64().Draw(t, "limit")
		n := rapid.IntRange(0, 100).Draw(t, "n")
		got := clockwork.Backoff(time.Duration(initial), time.Duration(limit), n, rapid.String().Draw(t, "name"))
		if initial <= 0 {
			require.Zero(t, got)
			return
		}
		want := new(big.Int).Lsh(big.NewInt(initial), uint(n))
		if most := big.NewInt(max(initial, limit)); want.Cmp(most) > 0 {
			want = most
		}
		exact, _ := want.Float64()
		exact = min(exact, math.MaxInt64/1.1) // the result must have space for 10 % more
		require.Positive(t, got)
		require.InDelta(t, exact, float64(got), exact/10+exact*1e-9+1)
	})
}
