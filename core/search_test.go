package core_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest/explore"
)

var (
	exploreFor = flag.Duration("explore", 0, "how long TestSearch goes on with lives that nobody has played before")
	lifeFlag   = flag.String("life", "", "the life, as a failure prints it, that TestReplay plays")
)

// lives is how many TestSearch plays, always the same.
const lives = 1500

// Random lives find what no scenario of ours tries.
func TestSearch(t *testing.T) {
	cells := explore.Cells{}
	began := time.Now()
	n := 0
	play := func(seed uint64, count int) {
		explore.Search(t, seed, count, cells)
		n += count
	}
	if *exploreFor == 0 {
		play(1, lives)
	}
	for time.Since(began) < *exploreFor {
		play(0, 1000)
	}
	missing, all := cells.Unreached()
	t.Logf("%d lives, %.0f a second; %d of %d cells reached", n, float64(n)/time.Since(began).Seconds(), all-len(missing), all)
	if len(missing) > 0 {
		t.Logf("never reached: %s", strings.Join(missing, ", "))
		if *exploreFor >= time.Minute {
			t.Error("a campaign of this length should reach every cell")
		}
	}
}

// A life that went wrong can be played again: go test ./core -run TestReplay -life '{…}'
func TestReplay(t *testing.T) {
	if *lifeFlag != "" {
		explore.Replay(t, *lifeFlag)
	}
}
