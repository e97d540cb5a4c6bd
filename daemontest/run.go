package daemontest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
)

// Scenario is the life of a daemon, as a test declares it.
type Scenario struct {
	// Args is the command line, split at spaces.
	Args string

	// Execute says how Execute behaves. The zero value is the daemon's own.
	Execute Script

	// Steps are what happens to the daemon, and to its world.
	Steps Steps

	// Want is what must be true in the end. All that is not is reported
	// together.
	Want Want

	// Files are there when the scenario starts: contents by path. A relative
	// path is in Dir.
	Files map[string]string

	// Deny makes paths unusable for log and PID files, with the given error.
	Deny map[string]error

	// Held are the URLs of locks that a process of another machine holds when
	// the scenario starts: see FreeLock.
	Held []string

	// Options are added after all the others.
	Options []core.Option

	// Supervised lets the daemon find a supervisor, such as systemd.
	Supervised bool

	// Start is the wall-clock time at which the scenario starts. The zero
	// value means the start of the year 2026, UTC.
	Start time.Time

	// Limit ends a scenario that does not end by itself, after this much of
	// the world's time. Zero means an hour after the last timed step.
	Limit time.Duration

	// Seed chooses the order of what happens at one instant. Zero means the
	// flag -daemontest.seed, whose default is 1.
	Seed uint64

	// Orders plays the scenario this many times, each with a seed, and so an
	// order, of its own. Zero means once.
	Orders int
}

func (s *Scenario) wallStart() time.Time {
	if s.Start.IsZero() {
		return defaultWallStart
	}
	return s.Start
}

func (s *Scenario) limit() time.Duration {
	if s.Limit > 0 {
		return s.Limit
	}
	var last time.Duration
	for _, step := range s.Steps {
		last = max(last, step.at)
	}
	return last + time.Hour
}

var (
	seedFlag     = flag.Uint64("daemontest.seed", 1, "seed of scenarios that name none")
	checkFlag    = flag.Int("daemontest.check", checkDefault(), "how many times each scenario is played to prove that its timeline is always the same; the environment variable DAEMONTEST_CHECK sets the default")
	updateFlag   = flag.Bool("daemontest.update", false, "rewrite the golden timelines in testdata")
	watchdogFlag = flag.Duration("daemontest.watchdog", 10*time.Second, "real time without any progress after which a scenario counts as hung")
)

func checkDefault() int {
	if n, err := strconv.Atoi(os.Getenv("DAEMONTEST_CHECK")); err == nil && n > 0 {
		return n
	}
	return 1
}

// Run plays a scenario with the daemon that declare declares, and reports to t
// everything wanted that is not so, with the timeline. The daemon is the real
// one: its command line, loop, restart and lock code run in a testing/synctest
// bubble, on a world of fakes, and whatever it sleeps takes no time.
//
// Execute and all else that the daemon calls runs in the bubble, too: its
// time.Sleep and its timeouts obey the same clock, but it must not wait for
// the world outside, such as a network connection or a child process. A
// scenario that hangs on one is reported after some seconds, with the
// goroutine to blame.
func Run(t *testing.T, declare NewFunc, s Scenario) *Result {
	t.Helper()
	r, verdict := examine(t, declare, s)
	if verdict != "" {
		t.Error(verdict)
	}
	return r
}

// examine is Run without the report: an empty verdict means that all is well.
func examine(t *testing.T, declare NewFunc, s Scenario) (r *Result, verdict string) {
	seed := s.Seed
	if seed == 0 {
		seed = *seedFlag
	}
	for i := range max(s.Orders, 1) {
		r = play(t, declare, s, seed+uint64(i))
		r.judge()
		if !r.hung {
			prove(t, declare, s, r)
		}
		if verdict = r.verdict(); verdict != "" {
			break
		}
	}
	return r, verdict
}

// prove plays the scenario again and compares, if asked to.
func prove(t *testing.T, declare NewFunc, s Scenario, r *Result) {
	if *checkFlag < 2 {
		return
	}
	first := r.script()
	for range *checkFlag - 1 {
		again := play(t, declare, s, r.Seed)
		if text := again.script(); text != first {
			r.misses = append(r.misses, miss{text: fmt.Sprintf(
				"not deterministic: played again with seed %d, the timeline differs at\n%s\nIs there chance in Execute (package rand, the order of a map, state that outlives a play), or do several goroutines wake at one instant?",
				r.Seed, divergence(first, text))})
			return
		}
	}
}

// divergence is the first line in which two timelines differ.
func divergence(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n  first: %s\n  then:  %s", i+1, as[i], bs[i])
		}
	}
	return fmt.Sprintf("line %d, where one of them ends", min(len(as), len(bs))+1)
}
