package core_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/lock"
)

// checksVariable makes this test binary a daemon whose checks fail as long as there
// is a file with the name broken in the folder that it names.
const checksVariable = "TEST_DAEMON_WITH_CHECKS"

func daemonWithChecks(dir string) *core.Daemon {
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	return core.New(
		"checked", core.WithHost(host.Real()), core.Supervised(), core.Every(10*time.Millisecond), core.WithLock(lock.File(filepath.Join(dir, "lock"))),
		core.CheckEnvironment(func(context.Context, *core.Daemon) error {
			if there("broken") {
				return errors.New("no database")
			}
			return nil
		}),
		core.Execute(func(ctx context.Context, d *core.Daemon) error {
			if d.Restarts() > 0 || d.Uptime() < 10*time.Second {
				return nil
			}
			d.Logf("old enough")
			for !there("go") && ctx.Err() == nil {
				time.Sleep(time.Millisecond)
			}
			return nil
		}),
	)
}

// The real process goes on, with its lock, when its checks fail after the exec.
func TestARealDaemonOutlivesChecksThatFailAfterExec(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), checksVariable+"="+dir)
		return cmd
	}
	write := func(name string) { require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600)) }
	cmd := command()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	tooLate := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer tooLate.Stop()
	said := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		line := lines.Text()
		said += line + "\n"
		switch {
		case strings.Contains(line, "old enough"):
			require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
		case strings.Contains(line, "Restarting: SIGHUP, as soon as"):
			write("broken")
			write("go")
		case strings.Contains(line, "Error: the checks of this program failed: no database"):
			require.NoError(t, os.Rename(filepath.Join(dir, "broken"), filepath.Join(dir, "well")))
			out, err := command().CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "Lock Detected", "the lock is free")
		case strings.Contains(line, "Restart: 2 (the checks failed)"):
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	require.NoError(t, cmd.Wait(), said)
	require.Contains(t, said, "Restart: 2 (the checks failed)")
	require.Contains(t, said, "Exit status: 0")
}
