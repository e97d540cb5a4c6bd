//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nextStart starts drill once more, and returns its log from there on. The kernel
// may free the lock of a process that it kills a little after its end.
func (s *site) nextStart() string {
	s.Helper()
	before := len(s.read("log"))
	p := s.start(s.args("--every", "20ms", "--standby")...)
	s.eventually("a beat of the next start", func() bool { return strings.Count(s.read("log")[before:], "beat 2") > 0 })
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(s, p.exit())
	require.NoFileExists(s, s.path("lock.state"))
	return s.read("log")[before:]
}

// A crash is in the log with its stack, detached or not, also after a rotation and
// after a restart, and the next start says what it was.
func TestACrashReachesTheLogAndTheNextStart(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"", "-d", "-d after a rotation", "-d after a restart", " after a restart"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			args := s.args("--every", "200ms", "--crash-at", "16", "--unwatched")
			var pid int
			var p *process
			if strings.HasPrefix(how, "-d") {
				pid = s.detach(args...)
			} else {
				p = s.start(args...)
				pid = p.pid
			}
			s.logged("beat 2", 1)
			switch {
			case strings.HasSuffix(how, "rotation"):
				require.NoError(t, os.Rename(s.path("log"), s.path("log.1")))
			case strings.HasSuffix(how, "restart"):
				s.signal(pid, syscall.SIGHUP)
			}
			if p != nil {
				require.Equal(t, 2, p.exit())
				require.Contains(t, s.read(p.err), "panic: beat 16 was told to crash")
			} else {
				s.gone(pid)
			}
			require.Equal(t, 1, strings.Count(s.read("log"), "panic: beat 16 was told to crash\n"))
			require.Contains(t, s.read("log"), "main.go:")
			next := s.nextStart()
			require.Contains(t, next, fmt.Sprintf("Died Before: PID %d, ", pid))
			require.Contains(t, next, "Its last words in "+s.path("log")+": panic: beat 16 was told to crash\n")
		})
	}
}

// A process that the kernel ends is told of, too, and so is one that SIGQUIT ends.
func TestAKillIsTold(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGKILL: "It left no word: SIGKILL",
		syscall.SIGQUIT: ": SIGQUIT: quit\n",
	} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			pid := s.detach(s.args("--every", "1100ms", "--unwatched")...)
			s.logged("beat 2", 1)
			s.signal(pid, sig)
			s.gone(pid)
			next := s.nextStart()
			require.Equal(t, 1, strings.Count(next, fmt.Sprintf("Died Before: PID %d, ", pid)))
			require.Contains(t, next, "in iteration 2 or later")
			require.Contains(t, next, want)
		})
	}
}
