//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThePIDFileIsAlwaysWhole(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	stop, seen := make(chan struct{}), make(chan map[string]int)
	go func() {
		texts := map[string]int{}
		for {
			select {
			case <-stop:
				seen <- texts
				return
			default:
				if text, err := os.ReadFile(s.path("pid")); err == nil {
					texts[string(text)]++
				}
			}
		}
	}()
	want := map[string]bool{}
	for range 15 {
		p := s.start(s.args()...)
		s.beats(1)
		want[fmt.Sprintf("%d\n", p.pid)] = true
		if len(want)%2 == 0 { // leaves its file behind
			s.signal(p.pid, syscall.SIGKILL)
			p.exit()
			continue
		}
		s.signal(p.pid, syscall.SIGTERM)
		require.Zero(t, p.exit())
	}
	close(stop)
	texts := <-seen
	require.NotEmpty(t, texts)
	for text := range texts {
		require.Contains(t, want, text, "half a PID file")
	}
}

func TestARefusedSecondInstanceLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.detach(s.args("--every", "1h")...)
	s.sleeps()

	type trace struct{ log, pid, lock, witness, stat string }
	traces := func() trace {
		info, err := os.Stat(s.path("pid"))
		require.NoError(t, err)
		st := info.Sys().(*syscall.Stat_t)
		return trace{
			s.read("log"), s.read("pid"), s.read("lock"), s.read("witness"),
			fmt.Sprint(st.Ino, st.Mtim, st.Ctim),
		}
	}
	before, files := traces(), s.files()
	elsewhere := []string{"--lock", s.path("lock"), "--log", s.path("new.log"), "-p", s.path("new.pid"), "--witness", s.path("new.witness")}
	for _, args := range [][]string{s.args(), s.args("-v"), s.args("-d"), elsewhere, append(elsewhere, "-d")} {
		got := s.run(args...)
		require.Zero(t, got.code, got.err)
		require.Empty(t, got.err)
		require.Regexp(t, fmt.Sprintf(`^\[.*\] \d+ Shutting Down: Lock Detected\. Details: .*%s is held by drill, PID %d on .*, since .*\n$`,
			s.path("lock"), owner), got.out)
		require.Equal(t, before, traces())
		require.Equal(t, files, s.files())
	}
	require.Equal(t, []int{owner}, s.living())
}

func TestThePIDFileIsRemovedByItsOwnerAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args()...)
	s.beats(1)
	require.NoError(t, os.Remove(s.path("pid")))
	s.write("pid", "somebody else's\n", 0o644)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.Equal(t, "somebody else's\n", s.read("pid"))
}

func TestADeadDaemonsPIDFileIsTakenOver(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"stale": "", "empty": "\x00"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			first := s.start(s.args()...)
			s.beats(1)
			s.signal(first.pid, syscall.SIGKILL)
			require.Equal(t, 128+9, first.exit())
			require.Equal(t, first.pid, s.pidFile())
			if text != "" {
				s.write("pid", strings.Trim(text, "\x00"), 0o644)
			}
			second := s.start(s.args()...)
			s.beats(1)
			require.Equal(t, second.pid, s.pidFile())
			s.signal(second.pid, syscall.SIGTERM)
			require.Zero(t, second.exit())
			s.requireEnd(0)
		})
	}
}

// A file that is no PID file is refused before anything is touched, and keeps
// its text.
func TestAFileThatIsNoPIDFileIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("pid", "my notes\n", 0o644)
	got := s.run(s.args()...)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "it holds something else than a process's number; name another path, or remove it")
	require.Equal(t, "my notes\n", s.read("pid"))
	require.NoFileExists(t, s.path("log"))
}

// What -s must not take for a running daemon.
func TestSignalRefusesWhatIsNoDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	living := s.detach(s.args()...)
	s.beats(1)
	dead := s.start("--lock", "null:", "--log", s.path("dead.log"), "-p", s.path("recycled"))
	s.eventually("a PID file", func() bool { return s.read("recycled") != "" })
	s.signal(dead.pid, syscall.SIGKILL)
	dead.exit()
	foreign := s.sleeper()
	s.write("recycled", fmt.Sprintln(living), 0o644)
	s.write("stale", fmt.Sprintln(dead.pid), 0o644)
	s.write("foreign", fmt.Sprintln(foreign), 0o644)
	s.write("init", "1\n", 0o644)
	s.write("own", fmt.Sprintln(os.Getpid()), 0o644)
	s.write("empty", "", 0o644)
	s.write("garbage", "12 drummers\n", 0o644)
	s.write("negative", "-1\n", 0o644)
	s.write("zero", "0\n", 0o644)
	require.NoError(t, os.Mkdir(s.path("folder"), 0o755))
	require.NoError(t, os.Symlink(s.path("pid"), s.path("symlink")))
	require.NoError(t, syscall.Mkfifo(s.path("fifo"), 0o644))
	files := s.files()

	for name, want := range map[string]string{
		"missing":  "there is none: no daemon is running",
		"recycled": "the daemon that wrote it is gone",
		"stale":    "the daemon that wrote it is gone",
		"foreign":  "the daemon that wrote it is gone",
		"init":     "the daemon that wrote it is gone",
		"own":      "the daemon that wrote it is gone",
		"empty":    "it is empty",
		"garbage":  `it holds "12 drummers\n" instead of a process's number`,
		"negative": `it holds "-1\n" instead of a process's number`,
		"zero":     `it holds "0\n" instead of a process's number`,
		"folder":   "it is not a regular file",
		"fifo":     "it is not a regular file",
		"symlink":  "it is a symbolic link",
	} {
		for _, send := range []string{"stop", "restart", "dump"} {
			got := s.run("-s", send, "-p", s.path(name))
			require.Equal(t, 1, got.code, name)
			require.Empty(t, got.out, name)
			require.Regexp(t, "^drill: -s "+send+": .*"+s.path(name)+".*\n$", got.err)
			require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
			require.Contains(t, got.err, want, name)
		}
	}
	got := s.run("-s", "stop")
	require.Equal(t, outcome{code: 1, err: "drill: -s stop needs -p FILE, the PID file of the running daemon\n"}, got)

	require.True(t, alive(foreign))
	require.Equal(t, files, s.files())
	s.beats(2)
	require.NotContains(t, s.read("log"), "Dump of")
	require.NotContains(t, s.read("log"), "Restart")
	require.Equal(t, []int{living}, s.living())
}

func TestSignalStopReturnsWhenTheProcessIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, args := range [][]string{s.args(), s.args("--work", "300ms", "--every", "10ms")} {
		pid := s.detach(args...)
		s.beats(2)
		got := s.run("-s", "stop", "-p", s.path("pid"))
		require.False(t, alive(pid))
		require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, got)
		s.requireEnd(0)
		require.Equal(t, "end", s.witness()[len(s.witness())-1].what)
	}
	got := s.run("-s", "stop", "-p", s.path("pid"))
	require.Equal(t, outcome{code: 1, err: fmt.Sprintf("drill: -s stop: PID file: %s: there is none: no daemon is running\n", s.path("pid"))}, got)
}

func TestSignalDumpTellsWhatTheLogTells(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--hang", "2")...)
	s.logged("beat 2", 1)
	begun := time.Now()
	got := s.run("-s", "dump", "-p", s.path("pid"))
	require.Less(t, time.Since(begun), patience/2)
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, fmt.Sprintf("Dump of drill, PID %d", pid))
	for _, line := range []string{
		"State:             executing", "Interval:          100ms", "Iterations:        2",
		"Restarts:          0, the last one: none", "Log file:          " + s.path("log"), "Modes:             detached",
		"Lock:              file:" + s.path("lock") + ", held by this process",
	} {
		require.Contains(t, got.out, "\n"+line)
		require.Contains(t, s.read("log"), fmt.Sprintf("] %d %s", pid, line))
	}
	left, err := filepath.Glob(s.path("pid.*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Any number of people may ask at the same time, each in a folder whose path is too
// long for a socket's name.
func TestManyMayAskAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asker := plainSite(t)
	folder := s.path(strings.Repeat("long", 40))
	require.NoError(t, os.Mkdir(folder, 0o755))
	pid := s.detach(s.args("-p", filepath.Join(folder, "pid"))...)
	s.beats(1)
	for range 3 {
		outcomes := make(chan outcome, 10)
		for range cap(outcomes) {
			go func() { outcomes <- asker.run("-s", "dump", "-p", filepath.Join(folder, "pid")) }()
		}
		for range cap(outcomes) {
			got := <-outcomes
			require.Zero(t, got.code, got.err)
			require.Contains(t, got.out, fmt.Sprintf("Dump of drill, PID %d", pid))
		}
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no socket is left")
}

func TestSignalRestartTellsWhyItWasRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	asker := plainSite(t)
	pid := s.detach(s.args()...)
	s.script("echo no database >&2; exit 3")
	got := asker.run("-s", "restart", "-p", s.path("pid"))
	require.Equal(t, 1, got.code)
	require.Empty(t, got.out)
	require.Contains(t, got.err, "Restart Refused: the binary "+s.bin+" would not start. The running one goes on.\n")
	require.Contains(t, got.err, "it ended with status 3 before it could say whether it would start")
	require.Contains(t, got.err, "no database")
	s.beats(2)
	require.False(t, restarted(pid))
}
