//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestDetachReturnsWhenTheDaemonIsReady(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args()...)
	require.Equal(t, pid, s.pidFile())
	require.Contains(t, s.read("log"), fmt.Sprintf("Application Startup. PID: %d", pid))
	require.False(t, s.lockFree())
	s.beats(2)
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
}

func TestDetachedMeansADaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := s.command(append([]string{"-d"}, s.args()...)...)
	in, _, err := os.Pipe() // a terminal that stays open
	require.NoError(t, err)
	defer in.Close()
	cmd.Stdin = in
	require.Zero(t, s.finish(cmd).code) // and its output pipes have reached their ends
	pid := s.pidFile()

	proper := func() {
		t.Helper()
		proc := fmt.Sprintf("/proc/%d", pid)
		session, err := unix.Getsid(pid)
		require.NoError(t, err)
		require.Equal(t, pid, session)
		dir, err := os.Readlink(proc + "/cwd")
		require.NoError(t, err)
		require.Equal(t, "/", dir)
		for fd := range 3 {
			to, err := os.Readlink(fmt.Sprintf("%s/fd/%d", proc, fd))
			require.NoError(t, err)
			want := os.DevNull
			if fd == 2 { // so that a crash is heard
				want = s.path("log")
			}
			require.Equal(t, want, to, "descriptor %d", fd)
		}
		require.Contains(t, s.read(proc+"/status"), "Umask:\t0022\n")
	}
	proper()
	s.signal(pid, syscall.SIGHUP)
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.beats(1)
	require.True(t, restarted(pid))
	proper()
}

func TestDetachTellsTheChildsOwnError(t *testing.T) {
	t.Parallel()
	s := newSite(t)

	t.Log("an error that both sides would find")
	foreground, detached := s.run(s.args("--every=-5s")...), s.run(s.args("--every=-5s", "-d")...)
	require.Equal(t, 1, foreground.code)
	require.Equal(t, foreground, detached)
	require.Empty(t, s.files())

	t.Log("an error that only the child can find, when it has won its lock already")
	first := s.detach("--lock", "null:", "-p", s.path("pid"), "--log", s.path("first"))
	got := s.run("-d", "--lock", "null:", "-p", s.path("pid"), "--log", s.path("second"))
	require.Equal(t, 1, got.code)
	require.Empty(t, got.out)
	require.Equal(t, fmt.Sprintf("drill: PID file %s belongs to the running process %d; "+
		"stop that one first, or give this one a file of its own\n", s.path("pid"), first), got.err)
	require.Equal(t, first, s.pidFile())
	require.NoFileExists(t, s.path("second"))

	t.Log("a held lock is no error")
	pid := s.detach("--lock", s.path("lock"), "--log", s.path("log"))
	got = s.run("-d", "--lock", s.path("lock"), "--log", s.path("log"))
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, "Shutting Down: Lock Detected. Details: ")
	require.Contains(t, got.out, fmt.Sprint("PID ", pid))
	require.Empty(t, got.err)
}

func TestRelativePathsMeanWhereTheCommandWasTyped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	home := s.path("home/deep")
	require.NoError(t, os.MkdirAll(home, 0o755))
	typed := func(args ...string) *exec.Cmd {
		cmd := s.command(args...)
		cmd.Path, cmd.Args[0], cmd.Dir = "../../drill", "../../drill", home
		return cmd
	}
	got := s.finish(typed("-d", "--every", "50ms", "--lock", "lock", "--log", "../log", "--witness", "witness", "-p", "pid"))
	require.Zero(t, got.code, got.err)
	pid := atoi(t, strings.TrimSpace(s.read("home/deep/pid")))
	for restart := 1; restart <= 3; restart++ {
		got := s.finish(typed("-s", "restart", "-p", "pid"))
		require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has restarted in place (restart %d)\n", pid, restart)}, got)
		lines := strings.Count(s.read("home/deep/witness"), "\n")
		s.eventually("more beats", func() bool { return strings.Count(s.read("home/deep/witness"), "\n") > lines+1 })
	}
	s.logged("/home/log", 0)
	require.Contains(t, s.read("home/log"), "Restart: 3 (SIGHUP)")
	require.Equal(t, []string{"home"}, s.files())
	for _, name := range []string{"lock", "witness", "pid"} {
		require.NoFileExists(t, "/"+name)
	}
	got = s.finish(typed("-s", "stop", "-p", "pid"))
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has stopped\n", pid)}, got)
}

func TestTheForegroundNeedsNoTerminalAndKeepsItsFolder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args("-v")...)
	s.beats(2)
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.pid))
	require.NoError(t, err)
	require.Equal(t, s.dir, dir)
	s.signal(p.pid, syscall.SIGINT)
	require.Zero(t, p.exit())
	s.requireEnd(0)
	require.Empty(t, s.read(p.err))
	header, rest, _ := strings.Cut(s.read("log"), "\n")
	require.Contains(t, header, "Log Opened: drill on ")
	require.Equal(t, rest, s.read(p.out), "-v shows the log")
	for line := range strings.Lines(s.read(p.out)) {
		require.Regexp(t, fmt.Sprintf(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] %d \S.*\n$`, p.pid), line)
	}
}

func TestWithoutVerboseNothingIsPrinted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.args()...)
	s.beats(1)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	require.Empty(t, s.read(p.out)+s.read(p.err))
}

func TestShortFlagsCombineAndDetachSilencesVerbose(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	got := s.run(s.args("-dv")...)
	require.Equal(t, outcome{out: fmt.Sprintf("drill: running as PID %d\n", s.pidFile())}, got)
	s.beats(1)
}

func TestAProgramFoundInThePathRestarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := exec.Command("sh", append([]string{"-c", `exec drill "$@"`, "sh", "-d"}, s.args()...)...)
	cmd.Env = append(s.env, "PATH="+s.dir+":"+os.Getenv("PATH"))
	cmd.Dir = t.TempDir()
	require.Zero(t, s.finish(cmd).code)
	got := s.run("-s", "restart", "-p", s.path("pid"))
	require.Zero(t, got.code, got.err)
	require.True(t, restarted(s.pidFile()))
}

// go run builds to a folder of its own and starts the program from there.
// Ctrl-C reaches both. The go command itself then ends with 1, whatever the
// program's status was.
func TestGoRun(t *testing.T) {
	s := plainSite(t) // which has built what go run needs
	here, err := os.Getwd()
	require.NoError(t, err)
	cmd := exec.Command("go", append([]string{"run", ".", "-v"}, s.args()...)...)
	cmd.Dir, cmd.Env = here, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := s.launch(cmd)
	s.beats(2)
	pid := s.pidFile()
	require.NotEqual(t, p.pid, pid)
	require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has restarted in place (restart 1)\n", pid)},
		s.run("-s", "restart", "-p", s.path("pid")))
	require.NoError(t, syscall.Kill(-p.pid, syscall.SIGINT))
	p.exit()
	s.gone(pid)
	require.Contains(t, s.read(p.out), "Shutting Down: SIGINT")
	require.Empty(t, s.read(p.err))
	s.requireEnd(0)
}
