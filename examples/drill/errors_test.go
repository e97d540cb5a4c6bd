//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPanicLeavesItsStackInTheLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--panic-at", "3")...)
	require.Equal(t, 1, p.exit())
	s.requireEnd(1)
	log := s.read("log")
	require.Contains(t, log, "Error: Execute #3: panic: beat 3 was told to panic\n")
	require.Regexp(t, `\] \d+ goroutine \d+ \[running\]:\n`, log)
	require.Regexp(t, `\] \d+ .*\(\*drill\)\.execute\(`, log)
	require.Regexp(t, `\] \d+ \t.*/main\.go:\d+`, log)
	for line := range strings.Lines(log) {
		require.Regexp(t, fmt.Sprintf(`^\[.*\] %d `, p.pid), line, "a line without a prefix")
	}
	require.Empty(t, s.read(p.err))
}

func TestTheIterationTimeoutRestartsThoughExecuteNeverReturns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--hang", "3", "--iteration-timeout", "300ms")...)
	s.logged("Restart: 1 (", 1)
	s.logged("beat 6", 1)
	require.True(t, restarted(pid))
	require.Equal(t, pid, s.pidFile())
	log := s.read("log")
	require.Contains(t, log, "Error: Execute #3 has run for longer than its time-out of 300ms\n")
	require.Contains(t, log, "Error: Execute #3 does not return: it is left behind\n")
	require.Regexp(t, `\] \d+ goroutine \d+ \[`, log)
	require.Contains(t, log, "(*drill).execute")
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
	s.requireEnd(0)
	s.requireAllBeats(s.read("log"))
}
