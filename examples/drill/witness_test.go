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

// witness returns the lines of the witness file. A look may meet a line of which a
// half is there.
func (s *site) witness() (beats []beat) {
	for line := range strings.Lines(s.read("witness")) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
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
// number is missing or there twice.
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
// grid. The witness sees a start somewhat late: one that it sees in the first
// half of an interval may be meant for the tick before. Where the grid stands is
// known but for the lateness of the most punctual start, so one that it sees
// just before a tick may be meant for that one.
func (s *site) requireOneATick(every time.Duration) {
	s.Helper()
	starts := s.starts()
	first := starts[0].at
	for n, b := range starts {
		first = min(first, b.at-time.Duration(n)*every)
	}
	last := -1
	for n, b := range starts {
		earliest, latest := int((b.at-first-every/2)/every), int((b.at-first+every/20)/every)
		require.Less(s, last, latest, "start %d at %v is one too many", n+1, b.at-first)
		last = max(earliest, last+1)
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

// requireFree waits for the lock to be free: a process that is being killed, such
// as the trial of one that was, has no environment any more by which living would
// find it, but for a moment still its files.
func (s *site) requireFree() {
	s.Helper()
	s.eventually("the lock to be free", s.lockFree)
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
