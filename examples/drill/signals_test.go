//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTermAndIntEndASleeperAtOnce(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := newSite(t)
		p := s.start(s.args("--every", "1h")...)
		s.sleeps()
		s.signal(p.pid, sig)
		require.Zero(t, p.exit())
		s.requireEnd(0)
		require.Contains(t, s.read("log"), map[syscall.Signal]string{
			syscall.SIGTERM: "Shutting Down: SIGTERM\n", syscall.SIGINT: "Shutting Down: SIGINT\n",
		}[sig])
	}
}

func TestASecondSignalForcesAHungExecute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--hang", "2")...)
	s.logged("beat 2", 1)
	s.signal(p.pid, syscall.SIGUSR1)
	s.logged("State:             executing", 1)
	s.signal(p.pid, syscall.SIGTERM)
	s.logged("Shutting Down: SIGTERM. Waiting up to 10s for Execute #2", 1)
	s.signal(p.pid, syscall.SIGUSR1)
	s.logged("State:             draining", 1)
	s.eventually("the stop to be forced", func() bool { // a signal within half a second is the same stop
		_ = syscall.Kill(p.pid, syscall.SIGTERM)
		return strings.Contains(s.read("log"), "Forced: ")
	})
	require.Equal(t, 1, p.exit())
	s.requireEnd(1)
	log := s.read("log")
	require.Contains(t, log, "Forced: SIGTERM once more\n")
	require.Regexp(t, `\] \d+ goroutine \d+ \[`, log)
	require.Contains(t, log, "(*drill).execute")
}

// GNU timeout and some container inits deliver one signal twice, to a process
// and to its group.
func TestOneStopThatIsDeliveredTwiceIsOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--work", "1s", "--every", "1h")...)
	s.logged("beat 1", 1)
	for range 3 {
		s.signal(p.pid, syscall.SIGTERM)
	}
	s.logged("Waiting up to 10s for Execute #1 to finish; a second signal forces", 1)
	require.Zero(t, p.exit())
	s.requireEnd(0)
	require.NotContains(t, s.read("log"), "Forced")
}

func TestContWakesASleeper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "1h")...)
	s.sleeps()
	s.signal(p.pid, syscall.SIGCONT)
	s.logged("beat 2", 1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
}

func TestAThousandSignalsLoseNothing(t *testing.T) {
	t.Run("watched", func(t *testing.T) { t.Parallel(); thousandSignals(newSite(t)) })
	t.Run("plain", func(t *testing.T) { t.Parallel(); thousandSignals(plainSite(t)) })
}

func thousandSignals(s *site) {
	pid := s.detach(s.args("--every", "20ms")...)
	s.beats(1)
	s.Log("in one burst")
	for range 1000 {
		s.signal(pid, syscall.SIGHUP)
		s.signal(pid, syscall.SIGUSR1)
	}
	s.beats(5)

	s.Log("for as long as ten restarts take")
	calm, sent := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n += 2 {
			select {
			case <-calm:
				sent <- n
				return
			default:
				_ = syscall.Kill(pid, syscall.SIGHUP)
				_ = syscall.Kill(pid, syscall.SIGUSR1)
			}
		}
	}()
	s.logged("Application Startup", strings.Count(s.read("log"), "Application Startup")+10)
	close(calm)
	require.Greater(s, <-sent, 1000)
	require.Equal(s, pid, s.pidFile())
	s.beats(5)
	s.eventually("the end of the last restart", func() bool {
		log := s.read("log")
		return strings.LastIndex(log, "Application Startup") > strings.LastIndex(log, "Restart Asked") && restarted(pid)
	})
	got := s.run("-s", "dump", "-p", s.path("pid"))
	if got.code != 0 { // there was one more: a SIGUSR1 that arrives during an exec has no effect
		got = s.run("-s", "dump", "-p", s.path("pid"))
	}
	require.Zero(s, got.code, got.err)
	require.Contains(s, got.out, fmt.Sprintf("Dump of drill, PID %d", pid))
	require.Equal(s, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
	s.requireEnd(0)
	s.requireOneAtATime()
	tokens := map[uint64]bool{}
	for _, b := range s.witness() {
		require.Equal(s, pid, b.pid)
		tokens[b.token] = true
	}
	require.Len(s, tokens, 1, "the lock changed hands")
}

func TestTermAtAnyMomentOfARestartEndsIt(t *testing.T) {
	t.Run("watched", func(t *testing.T) {
		t.Parallel()
		termInRestarts(newSite(t), 10, 250*time.Millisecond)
	})
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		termInRestarts(plainSite(t), 40, 25*time.Millisecond)
	})
}

func termInRestarts(s *site, trials int, window time.Duration) {
	var moments []time.Duration
	for trial := range trials {
		p := s.start(s.args("--every", "10ms")...)
		s.beats(1)
		s.signal(p.pid, syscall.SIGHUP)
		moment := rand.N(window)
		time.Sleep(moment)
		s.signal(p.pid, syscall.SIGTERM)
		code := p.exit()
		s.requireFree()
		s.eventually("the end of its trial, too", func() bool { return len(s.living()) == 0 })
		switch code {
		case 0:
			require.Contains(s, s.lastLine(), "Exit status: 0", "trial %d", trial)
			require.NoFileExists(s, s.path("pid"))
		case 128 + int(syscall.SIGTERM): // between two programs, neither of which has anything to tear down
			moments = append(moments, moment)
		default:
			require.FailNow(s, "unclean", "exit %d, %s after SIGHUP\n%s", code, moment, s.tail("log"))
		}
	}
	slices.Sort(moments)
	s.Logf("%d of %d between two programs: %v", len(moments), trials, moments)
	got := s.run("-s", "stop", "-p", s.path("pid"))
	require.Equal(s, 1, got.code)
	require.Contains(s, got.err, "no daemon is running")
}
