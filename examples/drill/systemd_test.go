//go:build linux

package main

import (
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// notified is a supervisor's end of NOTIFY_SOCKET.
type notified struct {
	*site
	socket *net.UnixConn
}

func (s *site) notified() *notified {
	s.Helper()
	addr := &net.UnixAddr{Name: s.path("notify"), Net: "unixgram"}
	socket, err := net.ListenUnixgram("unixgram", addr)
	require.NoError(s, err)
	s.Cleanup(func() { _ = socket.Close() })
	s.env = append(s.env, "NOTIFY_SOCKET="+addr.Name)
	return &notified{s, socket}
}

// next returns the next message from the daemon, other than a status.
func (n *notified) next() string {
	n.Helper()
	for {
		if state := n.any(); !strings.HasPrefix(state, "STATUS=") {
			return state
		}
	}
}

// any returns the next message from the daemon.
func (n *notified) any() string {
	n.Helper()
	require.NoError(n, n.socket.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 4096)
	count, err := n.socket.Read(buf)
	require.NoError(n, err)
	return string(buf[:count])
}

func monotonicNow(t testing.TB) int {
	t.Helper()
	var ts unix.Timespec
	require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
	return int(ts.Nano() / 1000)
}

func TestASupervisorIsNotified(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	supervisor := s.notified()
	p := s.start(s.args()...)
	require.Equal(t, "READY=1", supervisor.next())
	require.False(t, s.lockFree(), "ready means set up")
	require.Equal(t, p.pid, s.pidFile())
	for range 2 {
		before := monotonicNow(t)
		s.signal(p.pid, syscall.SIGHUP)
		m := regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=(\d+)\n?$`).FindStringSubmatch(supervisor.next())
		require.NotNil(t, m)
		require.GreaterOrEqual(t, atoi(t, m[1]), before)
		require.LessOrEqual(t, atoi(t, m[1]), monotonicNow(t))
		require.Equal(t, "READY=1", supervisor.next())
		require.True(t, restarted(p.pid))
		s.beats(1)
	}
	s.signal(p.pid, syscall.SIGUSR1)
	s.logged("Modes:             foreground, supervised", 1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Equal(t, "STOPPING=1", supervisor.next())
	require.Zero(t, p.exit())
	s.requireEnd(0)
}

func TestASupervisedDaemonThatCannotStartIsNotReady(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	supervisor := s.notified()
	require.Equal(t, 1, s.run(s.args("--every=-5s")...).code)
	owner := s.start(s.args()...)
	require.Equal(t, "READY=1", supervisor.next())
	require.Zero(t, s.run(s.args()...).code) // the lock is held
	s.signal(owner.pid, syscall.SIGTERM)
	require.Equal(t, "STOPPING=1", supervisor.next())
	require.Zero(t, owner.exit())
}

// A supervisor is told of iterations, in every program of the process.
func TestASupervisorIsToldOfIterations(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	supervisor := s.notified()
	p := s.start(s.args()...)
	for range 2 {
		require.Equal(t, "READY=1", supervisor.next())
		require.Regexp(t, `^STATUS=iteration \d+ took \S+, mean duration \S+, \d+ overruns, 0 failures$`, supervisor.any())
		s.signal(p.pid, syscall.SIGHUP)
		require.Contains(t, supervisor.next(), "RELOADING=1")
	}
	require.Equal(t, "READY=1", supervisor.next())
	s.signal(p.pid, syscall.SIGTERM)
	require.Equal(t, "STOPPING=1", supervisor.next())
	require.Zero(t, p.exit())
}

// A refused restart is a reload that is over: a service of Type=notify-reload waits
// for the one and the other.
func TestARefusedRestartIsAReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	supervisor := s.notified()
	p := s.start(s.args()...)
	require.Equal(t, "READY=1", supervisor.next())
	s.script("exit 1")
	s.signal(p.pid, syscall.SIGHUP)
	require.Contains(t, supervisor.next(), "RELOADING=1\nMONOTONIC_USEC=")
	require.Equal(t, "READY=1", supervisor.next())
	s.logged("Restart Refused", 1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Equal(t, "STOPPING=1", supervisor.next())
	require.Zero(t, p.exit())
}

// While the loop makes progress the supervisor gets its signs of that, over restarts,
// too; while an execute hangs it does not, though the daemon still handles signals.
func TestTheWatchdogIsFedByProgress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	supervisor := s.notified()
	s.env = append(s.env, "WATCHDOG_USEC=400000")
	p := s.start(s.args("--hang", "60")...)
	signs := func(n int) {
		for n > 0 {
			if state := supervisor.next(); strings.HasPrefix(state, "WATCHDOG=1\nSTATUS=") {
				n--
			}
		}
	}
	signs(3)
	s.signal(p.pid, syscall.SIGHUP)
	s.logged("Restart: 1 (SIGHUP)", 1)
	signs(3)
	s.logged("beat 60", 1)
	for last := time.Now(); time.Since(last) < 2*time.Second; {
		require.NoError(t, supervisor.socket.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if _, err := supervisor.socket.Read(make([]byte, 4096)); err == nil {
			last = time.Now()
		}
	}
	s.signal(p.pid, syscall.SIGUSR1)
	s.logged("State:             executing", 1)
	s.signal(p.pid, syscall.SIGKILL)
	require.Equal(t, 128+9, p.exit())
}
