//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTheLogGoesOnWhenItsFileIsRenamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--every", "20ms")...)
	for n := 1; n <= 2; n++ {
		s.beats(3)
		require.NoError(t, os.Rename(s.path("log"), s.path(fmt.Sprint("log.", n))))
		s.logged("Log Opened: drill on ", 1)
	}
	s.beats(3)
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, s.run("-s", "stop", "-p", s.path("pid")))
	s.requireEnd(0)
	n := s.requireAllBeats(s.read("log.1") + s.read("log.2") + s.read("log"))
	require.Len(t, s.starts(), n)
}

func TestTheLogGoesOnWhenItsFileIsDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "20ms", "-v")...)
	s.beats(3)
	require.NoError(t, os.Remove(s.path("log")))
	s.logged("Log Opened: drill on ", 1)
	s.beats(3)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	s.requireEnd(0)
	s.requireAllBeats(s.read(p.out))
}

// The folder of the log is gone, too, and comes back.
func TestTheLogWaitsForItsFolder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, os.Mkdir(s.path("logs"), 0o755))
	p := s.start(s.args("--every", "20ms", "--log", s.path("logs/log"))...)
	s.beats(3)
	require.NoError(t, os.Rename(s.path("logs"), s.path("old")))
	s.eventually("a warning", func() bool { return strings.Contains(s.read("old/log"), "the log stays with the file before it") })
	s.beats(3)
	require.NoError(t, os.Mkdir(s.path("logs"), 0o755))
	s.eventually("the log", func() bool {
		return strings.Contains(s.read("logs/log"), "The log file can be opened again.")
	})
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.Equal(t, 1, strings.Count(s.read("old/log"), "cannot be opened"), "it is said once")
	s.requireAllBeats(s.read("old/log") + s.read("logs/log"))
}

// In the foreground a log whose folder is missing at the start goes to standard
// output until it is there.
func TestTheLogWaitsForItsFolderFromTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("--every", "20ms", "--log", s.path("logs/log"))...)
	s.beats(3)
	require.NoError(t, os.Mkdir(s.path("logs"), 0o755))
	s.eventually("the log", func() bool { return strings.Contains(s.read("logs/log"), "The log file can be written again.") })
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	out := s.read(p.out)
	require.Equal(t, 1, strings.Count(out, "/logs/log cannot be written, the log goes to standard output until it can"), out)
	require.Contains(t, out, "] "+strconv.Itoa(p.pid)+" beat 1\n")
	s.requireAllBeats(s.read("logs/log"))
}

func TestAFullDiskLosesNoLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	disk := s.path("disk")
	require.NoError(t, os.Mkdir(disk, 0o755))
	err := unix.Mount("none", disk, "tmpfs", 0, "size=64k")
	if errors.Is(err, unix.EPERM) {
		t.Skip("a disk of our own needs more than this container allows; the test with a limit shows the same")
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	filler := filepath.Join(disk, "filler")
	s.fullLog(filepath.Join(disk, "log"), func(int) {
		f, err := os.Create(filler)
		require.NoError(t, err)
		defer f.Close()
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		require.ErrorIs(t, err, unix.ENOSPC)
	}, func(int) { require.NoError(t, os.Remove(filler)) })
}

// A limit for the size of files, set within a line, leaves half of it.
func TestATornLineIsWrittenAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := s.path("log")
	limit := func(pid int, size uint64) {
		require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil))
	}
	s.fullLog(path, func(pid int) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		limit(pid, uint64(info.Size())+500)
	}, func(pid int) { limit(pid, unix.RLIM_INFINITY) })
}

// fullLog makes the log file unwritable for a while.
func (s *site) fullLog(log string, fill, empty func(pid int)) {
	s.Helper()
	p := s.start("--every", "5ms", "--lock", s.path("lock"), "--log", log)
	beats := func(path string) int { return len(beatLine.FindAllString(s.read(path), -1)) }
	s.eventually("some beats", func() bool { return beats(log) > 50 })
	fill(p.pid)
	s.eventually("beats on standard output", func() bool { return beats(p.out) > 20 })
	empty(p.pid)
	s.eventually("the repair", func() bool {
		return strings.Contains(s.read(log), "The log file can be written again.\n")
	})
	silent := beats(p.out)
	logged := beats(log)
	s.eventually("more beats", func() bool { return beats(log) > logged+3 })
	require.Equal(s, silent, beats(p.out), "standard output is left alone again")
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(s, p.exit())
	text := s.read(log)
	require.Contains(s, text, "Exit status: 0")
	warning := "Warning: the log file " + log + " cannot be written, the log goes to standard output until it can: "
	require.Equal(s, 1, strings.Count(s.read(p.out), warning), "it is said once")
	require.Equal(s, 1, strings.Count(text, warning), "and in the log afterwards")
	require.Empty(s, s.read(p.err))
	// Before the warning there may be the beginning of a line, which follows
	// the warning as a whole.
	parts := regexp.MustCompile(`(?m)^\[.*\] \d+ `+regexp.QuoteMeta(warning)+`.*\n`).Split(text, 2)
	before, after := strings.TrimSuffix(parts[0], "\n"), parts[1]
	if torn := before[strings.LastIndexByte(before, '\n')+1:]; strings.HasPrefix(after, torn) {
		before = strings.TrimSuffix(before, torn)
	}
	s.requireAllBeats(before + "\n" + after)
}

func TestADetachedDaemonHoldsItsLinesUntilTheDiskHasSpace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach("--every", "20ms", "--lock", s.path("lock"), "--log", s.path("log"), "-p", s.path("pid"))
	s.logged("beat 3", 1)
	info, err := os.Stat(s.path("log"))
	require.NoError(t, err)
	full := &unix.Rlimit{Cur: uint64(info.Size()), Max: unix.RLIM_INFINITY}
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, full, nil))
	iterations := regexp.MustCompile(`\nIterations: +(\d+)\n`)
	s.eventually("a beat that is only in the dump", func() bool {
		m := iterations.FindStringSubmatch(s.run("-s", "dump", "-p", s.path("pid")).out)
		return m != nil && atoi(t, m[1]) > len(beatLine.FindAllString(s.read("log"), -1))
	})
	require.Zero(t, s.run("-s", "restart", "-p", s.path("pid")).code) // the lines outlive that
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil))
	require.Zero(t, s.run("-s", "stop", "-p", s.path("pid")).code)
	s.requireEnd(0)
	s.requireAllBeats(s.read("log"))
	require.Equal(t, 1, strings.Count(s.read("log"), "Warning: the log file "))
	require.Contains(t, s.read("log"), "The log file can be written again.\n")
}

// As containers use them, standard streams are taken for a log file.
func TestAStandardStreamIsTakenForALogFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, os.Symlink("/dev/stderr", s.path("app.log"))) // as images of containers have it
	for _, path := range []string{"/dev/stderr", s.path("app.log")} {
		s.logsToStderr(path)
	}
}

func (s *site) logsToStderr(path string) {
	t := s.TB
	p := s.start("--every", "20ms", "--lock", s.path("lock"), "--log", path)
	s.eventually("beats on standard error", func() bool { return strings.Contains(s.read(p.err), " beat 2\n") })
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.Contains(t, s.read(p.err), "Exit status: 0\n")
	require.Empty(t, s.read(p.out))
}
