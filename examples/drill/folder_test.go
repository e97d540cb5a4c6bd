//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names of files are bytes: a folder, arguments and an environment that are no UTF-8,
// or have newlines, survive -d and restarts.
func TestNamesThatAreNoUTF8(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := s.path("caf\xe9 \n{\"")
	require.NoError(t, os.Mkdir(dir, 0o755))
	s.env = append(s.env, "ODD=\xff\n\"", "XDG_RUNTIME_DIR="+dir)
	in := func(args ...string) *exec.Cmd {
		cmd := s.command(args...)
		cmd.Dir = dir
		return cmd
	}
	got := s.finish(in("-d", "-p", "p\xff\n", "--every", "50ms", "--lock", "l\xff", "--log", "g\xff\n", "--witness", "w\xff\n"))
	require.Zero(t, got.code, got.err)
	pid := atoi(t, strings.TrimSpace(s.read(filepath.Join(dir, "p\xff\n"))))
	for n := 1; n <= 2; n++ {
		s.signal(pid, syscall.SIGHUP)
		s.eventually("a restart", func() bool {
			return strings.Contains(s.read(filepath.Join(dir, "g\xff\n")), fmt.Sprintf("Restart: %d (SIGHUP)", n))
		})
	}
	require.Contains(t, string(environment(pid)), "\x00ODD=\xff\n\"\x00")
	got = s.finish(in("-s", "stop", "-p", "p\xff\n"))
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, got)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3, "lock, log and witness")
}

// In a folder that has been deleted a relative path means nothing, and nothing is
// written anywhere else instead.
func TestADeletedFolderIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	in := func(args ...string) outcome {
		gone := s.path("gone")
		cmd := exec.Command("sh", append([]string{"-c", `mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"`, gone, s.bin}, args...)...)
		cmd.Env = s.env
		return s.finish(cmd)
	}
	const why = "the working folder has been deleted, or may not be read, so relative paths mean nothing: change to another one, such as cd /\n"
	for _, args := range [][]string{{"-p", "drill-test.pid"}, {"-d"}, {"-d", "-p", "drill-test.pid", "--log", "drill-test.log"}} {
		got := in(append(args, "--lock", "null:")...)
		require.Equal(t, 1, got.code)
		require.Contains(t, got.err, why)
	}
	require.NoFileExists(t, "/drill-test.pid")
	require.NoFileExists(t, "/drill-test.log")
	got := in("-s", "stop", "-p", "drill-test.pid")
	require.Equal(t, outcome{code: 1, err: "drill: -s stop -p drill-test.pid: " + why}, got)

	pid := s.detach(s.args()...)
	got = in("-s", "stop", "-p", s.path("pid"))
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, got)
	require.Zero(t, in("-i").code)
}
