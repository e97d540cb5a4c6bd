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

// Lives that the search has found, and what went wrong in them.
func TestFoundLives(t *testing.T) {
	for what, life := range map[string]string{
		"two processes executed under one lock, while alerts were flushed beside an abandoned Execute": `{"Seed":1,"Detached":true,"Interval":250000000,"Missed":2,"IterationTimeout":1000000000,"ShutdownTimeout":30000000000,"MaxFailures":2,"MaxRestarts":20,"Lock":"leased","TTL":2000000000,"Execute":1500000000,"Iterations":[{"N":1,"Does":"takes","For":12000000000},{"N":6,"Does":"sleeps","For":250000000},{"N":11,"Does":"goexits"},{"N":12,"Does":"hangs"},{"N":27,"Does":"sleeps","For":100000000}],"Functions":[{"At":"pre-execute","Call":1,"Does":"fails"}],"Steps":[{"At":1500000000,"Does":"binary lost"},{"At":3000000000,"Does":"mail slow","For":6000000000},{"At":16001000000,"Does":"run a second instance"}]}`,
		"a lock that was lost was used on, while failing execs followed each other":                    `{"Seed":6,"Detached":true,"Interval":5000000000,"IterationTimeout":1000000000,"ShutdownTimeout":2000000000,"MaxFailures":2,"Lock":"file","Standby":true,"Execute":1500000000,"Steps":[{"At":28000000,"Does":"lock freed"},{"At":277000000,"Does":"binary lost"},{"At":60000000000,"Does":"lock freed"}]}`,
		"Goexit in a hook after Execute left the daemon standing":                                      `{"Seed":1,"Detached":true,"Interval":1000000000,"Functions":[{"At":"post-execute","Does":"goexits"}]}`,
		"Goexit in a handler of HookRestart left teardown out":                                         `{"Seed":1,"Detached":true,"Interval":1000000000,"Functions":[{"At":"restart","Call":1,"Does":"goexits"}],"Steps":[{"At":3500000000,"Does":"SIGHUP"}]}`,
		"the grid was lost with a lock that was lost in Setup":                                         `{"Seed":1,"Detached":true,"Interval":1000000000,"Lock":"leased","TTL":5000000000,"Functions":[{"At":"setup","Call":2,"Does":"sleeps","For":12000000000}],"Steps":[{"At":3500000000,"Does":"SIGHUP"},{"At":5000000000,"Does":"lock freed"}]}`,
		"a handed over lock that was lost was asked for once more at the end, by a closed descriptor":  `{"Seed":1,"Supervised":true,"Interval":1000000000,"IterationTimeout":1000000000,"Lock":"file","Execute":1500000000,"Steps":[{"At":750000000,"Does":"lock stolen"}]}`,
		"a dump was lost at exec, while a lost lock was given back":                                    `{"Seed":1,"Detached":true,"Interval":1000000000,"Lock":"leased","TTL":5000000000,"Steps":[{"At":1000000,"Does":"lock slow","For":6000000000},{"At":4000000000,"Does":"SIGUSR1"}]}`,
		"alerts vanished untold when the daemon left at once":                                          `{"Seed":1,"Detached":true,"Interval":250000000,"Execute":1500000000,"Steps":[{"At":100000000,"Does":"mail slow","For":1000000000},{"At":525000000,"Does":"SIGINT"},{"At":1043000000,"Does":"SIGINT"},{"At":1044000000,"Does":"SIGINT"}]}`,
		"at interval 0 Goexit made the successes before it forgotten":                                  `{"Seed":1,"Detached":true,"MaxFailures":2,"Execute":100000000,"Iterations":[{"N":2,"Does":"fails"},{"N":17,"Does":"goexits"}]}`,
		"a child lived on when the lock was given back by a stop that was forced":                      `{"Seed":1,"Detached":true,"Execute":100000000,"Forks":[{"At":"setup","Many":1,"Does":"hangs"}],"Steps":[{"At":500000000,"Does":"SIGTERM"},{"At":1500000000,"Does":"SIGTERM"}]}`,
		"a success while draining did not end a row of failures":                                       `{"Seed":1,"Detached":true,"Interval":1000000000,"MaxFailures":2,"Execute":200000000,"Iterations":[{"N":1,"Does":"fails"},{"N":3,"Does":"fails"}],"Steps":[{"At":0,"Does":"binary lost"},{"At":1100000000,"Does":"SIGHUP"}]}`,
	} {
		t.Run(what, func(t *testing.T) { explore.Replay(t, life) })
	}
}
