//go:build linux

package main

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/daemontest"
)

// printed is how much the child prints in TestAChildThatPrintsALot.
var printed = flag.Int("printed", 2_000_000, "how many bytes TestAChildThatPrintsALot has a child print")

// forkOnce are the arguments of a drill that forks so many tasks at its start and
// has no further beat for some time.
func (s *site) forkOnce(n int, task string) []string {
	return s.args("--every", "10m", "--fork", fmt.Sprint(n), "--task", task)
}

func TestSIGKILLLeavesNoChild(t *testing.T) {
	t.Parallel()
	for _, task := range []string{"hang", "stubborn"} {
		s := newSite(t)
		p := s.start(s.forkOnce(50, task)...)
		s.logged("forked 50 tasks so far", 1)
		require.Len(t, s.living(), 51)
		require.NoError(t, syscall.Kill(p.pid, syscall.SIGKILL))
		killed := time.Now()
		p.exit()
		s.eventually("the end of all children", func() bool { return len(s.living()) == 0 })
		t.Logf("50 children (%s) were gone %s after SIGKILL", task, time.Since(killed).Round(time.Millisecond))
	}
}

// Children that hang at a stop share one limit, which is half of the shutdown
// time-out: it is logged for each of them, and is over once.
func TestHungChildrenEndInOneLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.forkOnce(50, "hang")...)
	s.logged("hanging", 50)
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	require.Zero(t, p.exit())
	require.Empty(t, s.living())
	log := s.read("log")
	require.Equal(t, 50, strings.Count(log, "has not ended within 5s: it was killed"))
}

func TestARestartEndsTheChildrenFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--fork", "3", "--task", "stubborn", "--max-children", "3")...)
	s.logged("ignoring SIGTERM", 3)
	before := s.living()
	require.NoError(t, syscall.Kill(pid, syscall.SIGHUP))
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.logged("forked 3 tasks so far; 0 were refused", 2)
	for _, child := range before {
		if child != pid {
			require.False(t, alive(child), "child %d", child)
		}
	}
	require.Len(t, s.living(), 4)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	s.eventually("the end", func() bool { return len(s.living()) == 0 })
}

// outliving starts a drill with a task that outlives a restart, restarts it, and
// returns both PIDs.
func (s *site) outliving() (daemon, child int) {
	s.Helper()
	daemon = s.detach(s.args("--fork", "1", "--task", "outlive", "--max-children", "1")...)
	s.logged("outliving 3", 1)
	for _, pid := range s.living() {
		if pid != daemon {
			child = pid
		}
	}
	require.NoError(s, syscall.Kill(daemon, syscall.SIGHUP))
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.logged(fmt.Sprintf("] %d Adopted: child %d (task outlive)", daemon, child), 1)
	return daemon, child
}

// A task that outlives a restart goes on, is heard, takes its place among the
// children, and has its result read by the next program.
func TestATaskOutlivesARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	daemon, child := s.outliving()
	s.logged("forked 0 tasks so far", 1)
	said := regexp.MustCompile(fmt.Sprintf(`\] %d outliving (\d+)\n`, child))
	heard := len(said.FindAllString(s.read("log"), -1))
	s.eventually("more of it", func() bool { return len(said.FindAllString(s.read("log"), -1)) > heard+3 })
	require.NoError(t, syscall.Kill(child, syscall.SIGUSR2))
	s.logged(fmt.Sprintf(`the task that has outlived a restart, PID %d, has returned "outlive", <nil>`, child), 1)
	require.False(t, alive(child))
	require.NoError(t, syscall.Kill(daemon, syscall.SIGTERM))
	s.gone(daemon)
	for n, m := range said.FindAllStringSubmatch(s.read("log"), -1) {
		require.Equal(t, fmt.Sprint(n+1), m[1], "a line was lost, or came twice")
	}
	s.requireEnd(0)
}

func TestAStopEndsATaskThatHasOutlivedARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	daemon, child := s.outliving()
	require.NoError(t, syscall.Kill(daemon, syscall.SIGTERM))
	s.gone(daemon)
	require.False(t, alive(child))
	s.requireEnd(0)
}

func TestSIGKILLAfterARestartLeavesNoChild(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	daemon, _ := s.outliving()
	require.NoError(t, syscall.Kill(daemon, syscall.SIGKILL))
	s.eventually("the end of all processes", func() bool { return len(s.living()) == 0 })
}

func TestWhatATaskLeavesInItsGroupIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.forkOnce(1, "grandchild")...)
	s.logged("left the process", 1)
	m := regexp.MustCompile(`left the process (\d+)`).FindStringSubmatch(s.read("log"))
	left := atoi(t, m[1])
	s.eventually("the end of what the task has left", func() bool { return !alive(left) })
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	require.Zero(t, p.exit())
}

func TestAChildThatCrashesHarmsNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.forkOnce(1, "crash")...)
	s.logged("panic: runtime error: invalid memory address", 1)
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	require.Zero(t, p.exit())
}

func TestAChildThatPrintsALot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "10m", "--fork", "1", "--task", "print", "--print-bytes", fmt.Sprint(*printed))...)
	s.eventually("all lines", func() bool {
		return strings.Count(s.read("log"), strings.Repeat("x", 99)) == *printed/100
	})
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	require.Zero(t, p.exit())
}

// BenchmarkBesideAChildThatPrints is how late the beats are while children print
// 100 MB each, one after the other, beside those of a daemon without children.
func BenchmarkBesideAChildThatPrints(b *testing.B) {
	const beats, every = 100, 50 * time.Millisecond
	for range b.N {
		for name, args := range map[string][]string{
			"alone": nil, "beside": {"--fork", "1", "--task", "print", "--print-bytes", "100000000", "--max-children", "1"},
		} {
			s := plainSite(b)
			p := s.start(s.args(append(args, "--every", every.String())...)...)
			s.beats(beats)
			require.NoError(b, syscall.Kill(p.pid, syscall.SIGTERM))
			require.Zero(b, p.exit())
			starts := s.starts()
			var offsets []time.Duration // from the grid, whose place is that of the most punctual one
			for _, beat := range starts {
				offsets = append(offsets, (beat.at-starts[0].at+every/2)%every)
			}
			slices.Sort(offsets)
			micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
			b.ReportMetric(micros(offsets[len(offsets)/2]-offsets[0]), name+"-p50-µs")
			b.ReportMetric(micros(offsets[len(offsets)-1]-offsets[0]), name+"-max-µs")
		}
	}
}

// What is over the limit is refused and counted.
func TestTooManyChildrenAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "10m", "--fork", "5", "--task", "hang", "--max-children", "3")...)
	s.logged("forked 3 tasks so far; 2 were refused", 1)
	require.Len(t, s.living(), 4)
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGKILL))
	p.exit()
}

// Workers are warm over the beats, and calls go on when one of them dies. All of
// them end with the daemon, here by SIGKILL.
func TestCallsGoOnWhenAWorkerDies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "20ms", "--calls", "8")...)
	s.logged("calls were answered so far", 2)
	workers := s.living()
	require.Len(t, workers, 3)
	dead := workers[0]
	if dead == p.pid {
		dead = workers[1]
	}
	require.NoError(t, syscall.Kill(dead, syscall.SIGKILL))
	s.eventually("another worker", func() bool { return len(s.living()) == 3 && !slices.Contains(s.living(), dead) })
	before := strings.Count(s.read("log"), "calls were answered so far")
	s.logged("calls were answered so far", before+3)
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGKILL))
	p.exit()
	s.eventually("the end of all workers", func() bool { return len(s.living()) == 0 })
}

// The harness plays the pool with no process started.
func TestCallsInAScenario(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:  "--calls 8",
		Steps: daemontest.Steps{daemontest.At(2500*time.Millisecond, daemontest.Signal(syscall.SIGTERM))},
		Want: daemontest.Want{
			daemontest.Iterations(3), daemontest.Logs("24 calls were answered so far; 0 had no answer"),
			daemontest.Exit(0), daemontest.ChildrenGone(),
		},
	})
}
