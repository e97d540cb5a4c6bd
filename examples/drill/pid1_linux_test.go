package main

import (
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// alone starts a drill as PID 1 of a namespace of its own.
func (s *site) alone(args ...string) *process {
	s.Helper()
	cmd := s.command(args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	}
	return s.launch(cmd)
}

// A SIGTERM that comes while the next program has no handlers yet is lost by
// PID 1, and not by the child of PID 1.
func TestNoStopIsLostUnderAnInit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		s := newSite(t)
		p := s.alone(s.args("--init", "--every", "20ms")...)
		s.beats(1)
		s.signal(p.pid, syscall.SIGHUP)
		<-time.After(time.Duration(random.IntN(40_000)) * time.Microsecond)
		s.signal(p.pid, syscall.SIGTERM)
		require.Contains(t, []int{0, 128 + int(syscall.SIGTERM)}, p.exit(), "%s", s.tail("log"))
		require.True(t, s.lockFree())
	}
}

// An init passes on how its daemon has ended.
func TestAnInitEndsAsItsDaemonDoes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.alone(s.args("--init", "--no-such-flag")...)
	require.Equal(t, 1, p.exit())

	p = s.alone(s.args("--init")...)
	s.beats(1)
	require.NotEqual(t, 1, s.pidFile(), "the daemon is the child of PID 1")
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	s.requireEnd(0)

	// One that is no PID 1 needs no init.
	p = s.start(s.args("--init")...)
	s.beats(2)
	require.Equal(t, p.pid, s.pidFile())
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
}

// PID 1 of a container counts as supervised: its runtime starts it again.
func TestPIDOneIsSupervised(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.alone(s.args("--restart-every", "1h")...)
	s.beats(1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.NotContains(t, s.read("log"), "does not act")

	p = s.start(s.args("--restart-every", "1h")...)
	s.beats(2)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.Contains(t, s.read("log"), "The restart interval of 1h0m0s does not act")
}
