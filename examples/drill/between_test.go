//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A SIGTERM in the instant between two programs of a restart ends the process at
// once. Here that instant lasts, because the next program is no daemon yet: -s stop
// then does what the daemon has not come to do, and so does the next start.
func TestAnEndBetweenTwoProgramsIsCompleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	between := func() int {
		pid := s.detach(s.args()...)
		s.beats(1)
		s.script(`case "$EVERTICK_START" in *'"trial"'*) exec ` + filepath.Join(programs.dir, "watched") + ` "$@";; esac; exec sleep 600`)
		s.signal(pid, syscall.SIGHUP)
		s.eventually("the exec", func() bool {
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			return err == nil && string(name) == "sleep\n"
		})
		s.link("watched")
		return pid
	}
	pid := between()
	require.False(t, s.lockFree())
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped; it had no time to clean up, so its PID file has been removed\n", pid)},
		s.run(s.args("-s", "stop")...))
	require.NoFileExists(t, s.path("pid"))
	require.Contains(t, s.read("log"), fmt.Sprintf("] %d Shutdown Complete: it had no time to clean up. -s stop has removed its PID file %s\n", pid, s.path("pid")))
	require.NotContains(t, s.read("lock"), `"pid"`, "the lock names nobody")

	pid = between()
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	require.Equal(t, pid, s.pidFile())
	next := s.detach(s.args()...)
	s.logged(fmt.Sprintf("] %d Warning: PID %d, whose PID file was still there, ended without cleaning up", next, pid), 1)
	s.signal(next, syscall.SIGTERM)
	s.gone(next)
	s.requireEnd(0)
}
