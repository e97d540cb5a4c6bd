package clockwork

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestShare(t *testing.T) {
	assert.Zero(t, Share(0, "a"))
	seen := map[time.Duration]bool{}
	for i := range 100 {
		name := fmt.Sprintf("poller%d", i)
		j := Share(time.Second, name, "host")
		if j < 0 || j >= time.Second || j != Share(time.Second, name, "host") {
			t.Errorf("%s: %s", name, j)
		}
		seen[j.Truncate(100*time.Millisecond)] = true
	}
	if len(seen) < 8 {
		t.Errorf("100 names fall into %d of 10 parts", len(seen))
	}
	if Share(time.Second, "ab", "c") == Share(time.Second, "a", "bc") {
		t.Error("two names run into each other")
	}
}
