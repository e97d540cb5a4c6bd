//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A daemon that has no descriptor left restarts all the same.
func TestADaemonWithoutDescriptorsRestarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--witness=")...)
	s.logged("beat 2\n", 1)
	// From now on it can open one more at most.
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	limit := unix.Rlimit{Max: 1 << 12}
	for _, entry := range fds {
		limit.Cur = max(limit.Cur, uint64(atoi(t, entry.Name()))+1)
	}
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil))
	s.signal(pid, unix.SIGHUP)
	s.logged("Restart: 1 (", 1)
	s.logged("beat 9\n", 1)
	require.Equal(t, fmt.Sprintf("drill: PID %d has stopped\n", pid), s.run("-s", "stop", "-p", s.path("pid")).out)
}

// A rotation while no descriptor is free keeps the old file, says so there, and is
// done when one is free.
func TestARotationWithoutDescriptorsLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--witness=")...)
	s.logged("beat 2\n", 1)
	var before unix.Rlimit
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before))
	free := 0 // the lowest descriptor that is free
	for open(t, pid, free) {
		free++
	}
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free), Max: before.Max}, nil))
	require.NoError(t, os.Rename(s.path("log"), s.path("log.1")))
	s.eventually("the warning in the old file", func() bool {
		return strings.Contains(s.read("log.1"), "Warning: the log file "+s.path("log")+" cannot be opened, the log stays with the file before it until it can: ")
	})
	require.Contains(t, s.read("log.1"), "too many open files")
	beats := strings.Count(s.read("log.1"), "] "+strconv.Itoa(pid)+" beat ")
	s.eventually("beats in the old file", func() bool {
		return strings.Count(s.read("log.1"), "] "+strconv.Itoa(pid)+" beat ") > beats+1
	})
	require.NoFileExists(t, s.path("log"))

	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil))
	s.logged("The log file can be opened again. What was logged meanwhile is in the file before it.", 1)
	s.logged("beat", 1)
	require.Equal(t, fmt.Sprintf("drill: PID %d has stopped\n", pid), s.run("-s", "stop", "-p", s.path("pid")).out)
	s.requireAllBeats(s.read("log.1") + s.read("log"))
}

// open tells whether a process has a descriptor open.
func open(t testing.TB, pid, fd int) bool {
	_, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	require.True(t, err == nil || os.IsNotExist(err), "%v", err)
	return err == nil
}
