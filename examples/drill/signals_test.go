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
		s.eventually("the end of beat 1", func() bool { return len(s.witness()) == 2 })
		begun := time.Now()
		s.signal(p.pid, sig)
		require.Zero(t, p.exit())
		require.Less(t, time.Since(begun), 5*time.Second)
		s.requireEnd(0)
		require.Contains(t, s.read("log"), map[syscall.Signal]string{
			syscall.SIGTERM: "Shutting Down: SIGTERM\n", syscall.SIGINT: "Shutting Down: SIGINT\n",
		}[sig])
	}
}

func TestTermLetsAnExecuteFinish(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--work", "700ms", "--every", "10s")...)
	s.beats(1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	s.requireEnd(0)
	s.requireOneAtATime()
	beats := s.witness()
	require.Len(t, beats, 2)
	require.GreaterOrEqual(t, beats[1].at-beats[0].at, 700*time.Millisecond)
	require.Contains(t, s.read("log"), "Shutting Down: SIGTERM. Waiting up to 10s for Execute #1 to finish")
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
	s.signal(p.pid, syscall.SIGTERM)
	require.Equal(t, 1, p.exit())
	s.requireEnd(1)
	log := s.read("log")
	require.Contains(t, log, "Forced: SIGTERM once more\n")
	require.Regexp(t, `\] \d+ goroutine \d+ \[`, log)
	require.Contains(t, log, "(*drill).execute")
}

func TestAThirdSignalWaitsForNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--hang", "1")...)
	s.logged("beat 1", 1)
	for i, line := range []string{"Shutting Down: SIGTERM", "Forced: SIGTERM once more\n", "Forced: SIGTERM once more: leaving at once"} {
		s.signal(p.pid, syscall.SIGTERM)
		if i < 2 {
			s.logged(line, 1)
		}
	}
	require.Equal(t, 1, p.exit())
	s.requireEnd(1)
}

func TestTheShutdownLimitForcesAHungExecute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--hang", "1")...)
	s.logged("beat 1", 1)
	begun := time.Now()
	got := s.run("-s", "stop", "-p", s.path("pid"))
	took := time.Since(begun)
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, got)
	require.Greater(t, took, 10*time.Second)
	require.Less(t, took, 16*time.Second)
	s.requireEnd(1)
	require.Contains(t, s.read("log"), "Forced: not finished within 10s\n")
	require.Contains(t, s.read("log"), "(*drill).execute")
}

func TestDumpsMoveNoTick(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const every = 200 * time.Millisecond
	p := s.start(s.args("--every", every.String())...)
	s.beats(1)
	for i := range 12 {
		time.Sleep(rand.N(every))
		s.signal(p.pid, syscall.SIGUSR1)
		s.logged("Dump of", i+1)
	}
	s.beats(2)
	s.requireOneATick(every)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
}

func TestContWakesASleeper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "1h")...)
	s.eventually("the end of beat 1", func() bool { return len(s.witness()) == 2 })
	s.signal(p.pid, syscall.SIGCONT)
	s.logged("beat 2", 1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
}

func TestAThousandSignalsHarmNobody(t *testing.T) {
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
	require.True(s, restarted(pid))
	s.beats(5)
	s.eventually("an answer", func() bool {
		got := s.run("-s", "dump", "-p", s.path("pid"))
		return got.code == 0 && strings.Contains(got.out, fmt.Sprintf("Dump of drill, PID %d", pid))
	})
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
		case 128 + int(syscall.SIGTERM): // between two images, both of which have nothing to tear down
			moments = append(moments, moment)
		default:
			require.FailNow(s, "unclean", "exit %d, %s after SIGHUP\n%s", code, moment, s.tail("log"))
		}
	}
	slices.Sort(moments)
	s.Logf("%d of %d between two images: %v", len(moments), trials, moments)
	got := s.run("-s", "stop", "-p", s.path("pid"))
	require.Equal(s, 1, got.code)
	require.Contains(s, got.err, "no daemon is running")
}
