//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What witness file, log, lock and PID file show of a daemon's life.

// beat is a line of the witness file.
type beat struct {
	what  string
	pid   int
	token uint64
	at    time.Duration
}

func (s *site) witness() (beats []beat) {
	for line := range strings.Lines(s.read("witness")) {
		var b beat
		_, err := fmt.Sscanf(line, "%s %d %d %d\n", &b.what, &b.pid, &b.token, &b.at)
		require.NoError(s, err, "%q", line)
		beats = append(beats, b)
	}
	return beats
}

func (s *site) starts() []beat {
	return slices.DeleteFunc(s.witness(), func(b beat) bool { return b.what != "start" })
}

// requireOneAtATime shows that no two executes overlapped, and that no beat
// number was left out or given twice.
func (s *site) requireOneAtATime() {
	s.Helper()
	open := false
	for _, b := range s.witness() {
		require.Equal(s, open, b.what == "end", "executes overlap")
		open = b.what == "start"
	}
	s.requireAllBeats(s.read("log"))
}

// requireOneATick shows that no two executes were started for one tick of the
// grid: that none came early, but for one that makes up for missed ones.
func (s *site) requireOneATick(every time.Duration) {
	s.Helper()
	starts := s.starts()
	first := starts[0].at // the grid's, and the lateness of the most punctual one
	for n, b := range starts {
		first = min(first, b.at-time.Duration(n)*every)
	}
	tick := func(n int) int { return int((starts[n].at - first + every/20) / every) }
	for n := 1; n < len(starts); n++ {
		require.Greater(s, tick(n), tick(n-1), "start %d at %v, start %d at %v", n, starts[n-1].at-first, n+1, starts[n].at-first)
	}
}

var beatLine = regexp.MustCompile(`(?m) beat (\d+)$`)

// requireAllBeats shows that a log holds each beat from the first to the last
// once and in order, and returns how many.
func (s *site) requireAllBeats(log string) int {
	s.Helper()
	n := 0
	for _, m := range beatLine.FindAllStringSubmatch(log, -1) {
		n++
		require.Equal(s, strconv.Itoa(n), m[1], "a beat is missing or there twice")
	}
	return n
}

// lastLine is the log's last line without its prefix.
func (s *site) lastLine() string {
	lines := strings.Split(strings.TrimSpace(s.read("log")), "\n")
	_, text, _ := strings.Cut(lines[len(lines)-1], "] ")
	_, text, _ = strings.Cut(text, " ")
	return text
}

// requireEnd shows that the log's last line agrees with the exit status, that
// nobody holds the lock, and that the PID file is gone.
func (s *site) requireEnd(code int) {
	s.Helper()
	require.Contains(s, s.lastLine(), "Shutdown Complete.")
	require.Regexp(s, fmt.Sprintf(`Exit status: %d$`, code), s.lastLine())
	require.NoFileExists(s, s.path("pid"))
	s.requireFree()
}

func (s *site) requireFree() {
	s.Helper()
	require.True(s, s.lockFree(), "the lock is held")
}

// lockFree tells whether nobody holds the lock, by taking it for an instant.
func (s *site) lockFree() bool {
	// A child that is being forked elsewhere in this process would keep it.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.Open(s.path("lock"))
	if os.IsNotExist(err) {
		return true
	}
	require.NoError(s, err)
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// bootNow is the clock of the witness file.
func bootNow() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}
