//go:build linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was tried is what is executed: a program that takes the place of the tried
// one while an execute is waited for is tried as well, be it a script or not.
func TestAProgramThatIsReplacedAfterItsTrialIsTried(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--every", "100ms", "--work", "2s")...)
	s.beats(1)
	for n := 1; n <= 3; n++ {
		s.signal(pid, syscall.SIGHUP)
		s.logged("Restarting: SIGHUP, as soon as Execute", n)
		s.script(fmt.Sprintf("echo no %d >&2; exit 1", n))
		s.logged(fmt.Sprintf("\tno %d", n), 1)
		s.link("watched")
		s.beats(1)
	}
	require.Equal(t, 3, strings.Count(s.read("log"), "has changed since it was tried: it is tried again"))
	require.Equal(t, pid, s.pidFile())

	s.signal(pid, syscall.SIGHUP)
	s.logged("Restarting: SIGHUP, as soon as Execute", 4)
	s.link("watched") // by the same program: it is tried, and executed
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.beats(1)
	require.Equal(t, fmt.Sprintf("drill: PID %d has stopped\n", pid), s.run("-s", "stop", "-p", s.path("pid")).out)
	s.requireEnd(0)
	s.requireOneAtATime()
}

// A script can be the next program, as what wraps a daemon often is.
func TestAScriptIsTriedAndExecuted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args()...)
	s.beats(1)
	s.script("exec " + programs.dir + "/watched \"$@\"")
	for n := 1; n <= 2; n++ {
		s.signal(pid, syscall.SIGHUP)
		s.logged(fmt.Sprintf("Restart: %d (SIGHUP)", n), 1)
		s.beats(1)
	}
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
}
