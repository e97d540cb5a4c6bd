//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAfterSIGKILLAtAnyMomentTheNextStartJustWorks(t *testing.T) {
	t.Run("watched", func(t *testing.T) {
		t.Parallel()
		killAndStart(newSite(t), 6, 200*time.Millisecond)
	})
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		killAndStart(plainSite(t), 24, 40*time.Millisecond)
	})
}

func killAndStart(s *site, trials int, window time.Duration) {
	for trial := range trials {
		p := s.start(s.args("--every", "5ms")...)
		if trial%2 == 0 { // from its first instant on; else once it beats, and maybe within a restart
			time.Sleep(rand.N(window))
		} else {
			s.beats(1)
			s.signal(p.pid, syscall.SIGHUP)
			time.Sleep(rand.N(window))
		}
		s.signal(p.pid, syscall.SIGKILL)
		require.Equal(s, 128+9, p.exit(), s.read(p.err))
		s.eventually("the death of its trial, too", func() bool { return len(s.living()) == 0 })
		s.requireFree()

		next := s.start(s.args()...)
		s.beats(1)
		require.Equal(s, next.pid, s.pidFile())
		s.signal(next.pid, syscall.SIGTERM)
		require.Zero(s, next.exit(), s.read(next.err))
		s.requireEnd(0)
		for _, name := range s.files() { // a claim that was cut short may lie there
			if name != "lock" && name != "log" && name != "witness" {
				require.Regexp(s, `^\.pid\.`, name)
			}
		}
	}
}

func TestAStoppedProcessMissesTicksAndMakesNoBurst(t *testing.T) {
	t.Parallel()
	const every = 100 * time.Millisecond
	s := newSite(t)
	pid := s.detach(s.args("--every", every.String())...)
	s.beats(3)
	s.signal(pid, syscall.SIGSTOP)
	stopped := bootNow()
	s.eventually("thirty intervals to pass", func() bool { return bootNow()-stopped > 30*every })
	before := len(s.starts())
	woken := bootNow()
	s.signal(pid, syscall.SIGCONT)
	s.beats(4)
	starts := s.starts()
	after := bootNow()
	require.LessOrEqual(t, len(starts)-before, int((after-woken)/every)+3, "a burst")
	s.requireOneATick(every)
	dump := s.run("-s", "dump", "-p", s.path("pid")).out
	require.Regexp(t, `Missed ticks:      (29|[3-9]\d)\n`, dump)
	require.Contains(t, s.read("log"), " Ticks. The process was stopped or suspended")
	require.Zero(t, s.run("-s", "stop", "-p", s.path("pid")).code)
	s.requireOneAtATime()
}

func TestADeletedPIDFileComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args()...)
	s.beats(1)
	require.NoError(t, os.Remove(s.path("pid")))
	s.eventually("the PID file", func() bool { return s.read("pid") == fmt.Sprintln(pid) })
	s.logged("Warning: PID file "+s.path("pid")+" was gone: it has been written again", 1)
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
	s.requireEnd(0)
}

func TestAChangedPIDFileIsPutRight(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args()...)
	s.beats(1)
	sleeper := s.sleeper()
	f, err := os.OpenFile(s.path("pid"), os.O_WRONLY|os.O_TRUNC, 0) // the same file, another number
	require.NoError(t, err)
	fmt.Fprintln(f, sleeper)
	require.NoError(t, f.Close())
	got := s.run("-s", "stop", "-p", s.path("pid"))
	require.Equal(t, 1, got.code, got.out)
	require.Contains(t, got.err, fmt.Sprintf("it names process %d, which is not the daemon that has locked it; nothing was signalled", sleeper))
	require.True(t, alive(sleeper))
	s.eventually("the right number", func() bool { return s.read("pid") == fmt.Sprintln(pid) })
	require.Zero(t, s.run("-s", "stop", "-p", s.path("pid")).code)
}
