//go:build linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnErrorInTheForegroundEndsIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--fail-after", "2")...)
	require.Equal(t, 1, p.exit())
	s.requireEnd(1)
	log := s.read("log")
	require.Contains(t, log, "Error: Execute #2: beat 2 was told to fail\n")
	require.Contains(t, log, "Shutting Down: fatal error, and without -d or a supervisor there is no automatic restart\n")
	require.Equal(t, 2, s.requireAllBeats(log))
}

func TestAnErrorSoonAfterTheStartEndsADaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--fail-after", "2")...)
	s.gone(pid)
	s.requireEnd(1)
	require.Contains(t, s.read("log"), "Shutting Down: fatal error, and it came within the first 10s of run time\n")
	require.False(t, strings.Contains(s.read("log"), "Restart"))
}

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

// The whole rule with the real clock: an error after ten seconds of run time
// is followed by a pause and a restart; the sixth within two minutes is the
// end.
func TestLaterErrorsRestartADaemonButNotForEver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--every", "500ms", "--fail-after", "22")...)
	for restart := 1; restart <= 5; restart++ {
		s.logged("Restarting after a fatal error", restart)
		failed := time.Now()
		s.logged(fmt.Sprintf("Restart: %d (fatal error)", restart), 1)
		require.Greater(t, time.Since(failed), 1500*time.Millisecond, "the back-off")
		if restart < 5 { // the last one ends at once
			require.Equal(t, pid, s.pidFile())
		}
	}
	s.gone(pid)
	s.requireEnd(1)
	s.requireOneAtATime()
	require.Equal(t, 27, s.requireAllBeats(s.read("log")), "21 good ones and 6 bad ones")
	require.Contains(t, s.read("log"), "Shutting Down: fatal error, and there were 5 restarts after errors within 2m0s already\n")
	for _, b := range s.witness() {
		require.Equal(t, pid, b.pid)
		require.Equal(t, s.witness()[0].token, b.token)
	}
}

func TestTheTimeLimitRestartsThoughTheExecuteNeverReturns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--hang", "3", "--iteration-timeout", "300ms")...)
	s.logged("Restart: 1 (", 1)
	s.logged("beat 6", 1)
	require.True(t, restarted(pid))
	require.Equal(t, pid, s.pidFile())
	log := s.read("log")
	require.Contains(t, log, "Error: Execute #3 has run for longer than its time limit of 300ms\n")
	require.Contains(t, log, "Error: Execute #3 does not return: it is left behind\n")
	require.Regexp(t, `\] \d+ goroutine \d+ \[`, log)
	require.Contains(t, log, "(*drill).execute")
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
	s.requireEnd(0)
	s.requireAllBeats(s.read("log"))
}

func TestTheTimeLimitCancelsAnExecuteThatListens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--work", "1h", "--iteration-timeout", "300ms")...)
	begun := time.Now()
	require.Equal(t, 1, p.exit())
	require.Less(t, time.Since(begun), patience/2)
	s.requireEnd(1)
	s.requireOneAtATime()
	require.Len(t, s.witness(), 2, "it has heeded its context")
}

func TestAStopDuringTheBackOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--every", "500ms", "--fail-after", "22")...)
	s.logged("Restarting after a fatal error", 1)
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
	require.NotContains(t, s.read("log"), "Restart: 1")
}
