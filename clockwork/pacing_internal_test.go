package clockwork

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPacing(t *testing.T) {
	grid := Pacing{Interval: 10 * time.Second}
	fixed := Pacing{Interval: 10 * time.Second, FixedDelay: true}
	var never Pacing
	assert.Equal(t, []bool{true, false, false}, []bool{grid.HasGrid(), fixed.HasGrid(), never.HasGrid()})
	assert.Equal(t, []string{"10s", "10s after the end of each iteration", "0: no sleep"},
		[]string{grid.String(), fixed.String(), never.String()})
	for _, c := range []struct {
		p             *Pacing
		took          time.Duration
		left          time.Duration
		overran, near bool
	}{
		{&grid, 4 * time.Second, 6 * time.Second, false, false},
		{&grid, 9 * time.Second, time.Second, false, false},
		{&grid, 9*time.Second + 1, time.Second - 1, false, true},
		{&grid, 10 * time.Second, 0, false, true},
		{&grid, 10*time.Second + 1, 0, true, false},
		{&grid, time.Hour, 0, true, false},
		{&fixed, 25 * time.Second, 10 * time.Second, false, false},
		{&never, time.Second, 0, false, false},
	} {
		assert.Equal(t, c.left, c.p.Left(c.took), "%s after %s", c.p, c.took)
		assert.Equal(t, []bool{c.overran, c.near}, []bool{c.p.Overran(c.took), c.p.NearLimit(c.took)}, "%s after %s", c.p, c.took)
	}
}
