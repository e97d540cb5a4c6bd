//go:build linux

package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

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

// failing is how long TestErrorsNeverEndADaemon has a daemon fail.
var failing = flag.Duration("failing", 3*time.Second, "how long TestErrorsNeverEndADaemon has a daemon fail")

// A daemon that was ready for 10 s outlives its errors: the pauses between its
// restarts grow, and it keeps its number, its PID file and its lock.
func TestErrorsNeverEndADaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--every", "500ms", "--fail-after", "22")...)
	for _, beat := range []string{"beat 8\n", "beat 16\n", "beat 22\n"} {
		s.logged(beat, 1)
	}
	began, times := time.Now(), 0
	for n := 1; n <= 2 || time.Since(began) < *failing; n++ {
		for end := time.Now().Add(3 * patience); times < n; pause5() {
			times = strings.Count(s.read("log"), "] "+fmt.Sprint(pid)+" Restarting after a fatal error\n")
			require.True(t, time.Now().Before(end), "restart %d does not come: %s", n, s.tail("log"))
		}
		require.Equal(t, pid, s.pidFile())
		other := s.run(s.args("-p", s.path("other.pid"), "-v")...)
		require.Contains(t, other.out, "Lock Detected")
		require.Zero(t, other.code, other.err)
	}
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
	s.requireEnd(0)
}
