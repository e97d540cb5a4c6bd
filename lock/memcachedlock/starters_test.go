package memcachedlock_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache/memcachetest"
)

var starterRounds = flag.Int("starters.rounds", 50, "how often TestTwentyStartersOneWinner starts twenty at once")

// Twenty processes want the lock at the same instant. Exactly one gets it, and the
// others are told that it is held, and by whom.
func TestTwentyStartersOneWinner(t *testing.T) {
	const starters = 20
	server := memcachetest.Start(t)
	var crowd []*process
	for range starters {
		crowd = append(crowd, startObeying(t))
	}
	var last uint64
	for round := range *starterRounds {
		// A key in three is one that was held before.
		l := memcachedlock.New([]string{server.Address()}, fmt.Sprint("round-", round/3), memcachedlock.Options{TTL: time.Minute})
		at := time.Now().Add(20 * time.Millisecond).UnixNano()
		for _, p := range crowd {
			p.tell(t, "acquire %s %d", l, at)
		}
		var winners []*process
		var answers []string
		for _, p := range crowd {
			answer := p.answer(t)
			var token uint64
			if _, err := fmt.Sscanf(answer, "won %d", &token); err == nil {
				winners = append(winners, p)
				require.Greater(t, token, last)
				last = token
				continue
			}
			answers = append(answers, answer)
		}
		require.Len(t, winners, 1, "round %d: %s", round, strings.Join(answers, "; "))
		for _, answer := range answers {
			require.Equal(t, fmt.Sprint("held ", winners[0].pid()), answer)
		}
		require.Equal(t, "ok", winners[0].ask(t, "renew"))
		require.Equal(t, "ok", winners[0].ask(t, "release"))
	}
}
