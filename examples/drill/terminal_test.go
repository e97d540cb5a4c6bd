//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: the side that closes it, and the other.
func terminal(t testing.TB) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = master.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return master, slave
}

// A terminal that is closed ends the daemon that runs in its foreground, gracefully.
// A SIGHUP that somebody sends restarts it, as ever, also in a terminal.
func TestAClosedTerminalEndsTheDaemon(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string][]string{"directly": nil, "under a shell": {"sh", "-c", `"$@"; exit $?`, "sh"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			master, slave := terminal(t)
			words := append(append(wrap, s.bin), s.args("-v", "--work", "50ms")...)
			cmd := exec.Command(words[0], words[1:]...)
			cmd.Dir, cmd.Env = s.dir, s.env
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			go func() { // what it writes is read
				buf := make([]byte, 4096)
				for {
					if _, err := master.Read(buf); err != nil {
						return
					}
				}
			}()
			require.NoError(t, cmd.Start())
			require.NoError(t, slave.Close())
			ended := make(chan struct{})
			go func() { _ = cmd.Wait(); close(ended) }()
			s.beats(1)
			pid := s.pidFile()
			s.signal(pid, syscall.SIGHUP)
			s.logged("Restart: 1 (SIGHUP)", 1)
			s.beats(1)
			require.NoError(t, unix.IoctlSetInt(int(master.Fd()), unix.TIOCVHANGUP, 0))
			_ = master.Close()
			s.gone(pid)
			<-ended
			s.logged("Shutting Down: the terminal was closed", 1)
			require.NotContains(t, s.read("log"), "Restart: 2")
			s.requireEnd(0)
		})
	}
}

// SIGHUP and SIGINT that a shell has the daemon ignore (nohup, or & in a script) stay
// ignored, over restarts, too. A detached daemon listens to both all the same.
func TestSignalsThatAreIgnoredAtTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cmd := s.command()
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP INT; exec "$@"`, "sh", s.bin}, s.args()...)
	p := s.launch(cmd)
	s.beats(1)
	for n := 1; n <= 2; n++ {
		for range 3 {
			s.signal(p.pid, syscall.SIGHUP)
			s.signal(p.pid, syscall.SIGINT)
		}
		s.beats(2)
		require.NotContains(t, s.read("log"), "Restart Asked")
		require.NotContains(t, s.read("log"), "Shutting Down")
		if n == 1 {
			s.signal(p.pid, syscall.SIGUSR1)
			s.logged("Modes:             foreground, ignores SIGHUP and SIGINT, as nohup has it", 1)
		}
	}
	require.Contains(t, s.read("log"), " Ignored: SIGHUP and SIGINT, as by nohup\n")
	restart := s.run("-s", "restart", "-p", "pid")
	require.Equal(t, 1, restart.code)
	require.Contains(t, restart.err, fmt.Sprintf("PID %d ignores SIGHUP, as nohup", p.pid))
	require.Zero(t, s.run("-s", "dump", "-p", "pid").code)
	s.signal(p.pid, syscall.SIGTERM)
	require.Zero(t, p.exit())
	s.requireEnd(0)

	cmd = s.command()
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP INT; exec "$@"`, "sh", s.bin, "-d"}, s.args()...)
	require.Zero(t, s.finish(cmd).code)
	s.beats(1)
	pid := s.pidFile()
	s.signal(pid, syscall.SIGHUP)
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.beats(1)
	s.signal(pid, syscall.SIGINT)
	s.gone(pid)
	s.requireEnd(0)
}
