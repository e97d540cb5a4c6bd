package reexec_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

// breeder restarts in place args[1] times with a file that it has locked, while
// it starts children that outlive it, as code of the user's own may: in one
// goroutine beside the exec, and first thing in the next program. It passes the
// file on without taking it over, but for the first program.
func breeder(args []string) {
	system := reexec.System(nil)
	left, err := strconv.Atoi(args[1])
	roletest.Must(err)
	breed(args[0]) // before anything else
	var files []*os.File
	if system.Info().Origin.Kind == reexec.Fresh {
		file, err := os.OpenFile(filepath.Join(args[0], "lock"), os.O_CREATE|os.O_RDWR, 0o600)
		roletest.Must(err)
		roletest.Must(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB))
		files = append(files, file)
	}
	if left == 0 {
		fmt.Println("the last one")
		roletest.Block()
	}
	began := make(chan struct{})
	go func() {
		close(began)
		for {
			breed(args[0])
		}
	}()
	<-began
	signals.System().Quiesce(syscall.SIGHUP)
	p := program("breeder", args[0], strconv.Itoa(left-1))
	p.Files = files
	roletest.Must(system.Exec(p))
}

// breed starts a child that goes on, and notes its number.
func breed(dir string) {
	child := exec.Command("sleep", "600")
	roletest.Must(child.Start())
	roletest.Must(os.WriteFile(filepath.Join(dir, "child-"+strconv.Itoa(child.Process.Pid)), nil, 0o600))
}

// A child that is started at the very instant of an exec in place, or by the next
// program before it takes over what it was given, does not have the lock; the
// next program, and the one after it, do.
func TestNoChildInheritsWhatIsPassedOn(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() {
		children, _ := filepath.Glob(filepath.Join(dir, "child-*"))
		for _, name := range children {
			pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(name), "child-"))
			if err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	cmd := roletest.Command("breeder", dir, "25")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	limit := time.AfterFunc(roletest.Patience, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	var line [64]byte
	n, err := out.Read(line[:])
	require.NoError(t, err)
	require.Equal(t, "the last one\n", string(line[:n]))

	lock, err := os.Open(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	defer lock.Close()
	require.ErrorIs(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK, "it is passed on")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	// One that was forked at the very instant of an exec has it until it executes sleep.
	roletest.Eventually(t, "the lock to be free of children", func() bool {
		return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
	})
	children, err := filepath.Glob(filepath.Join(dir, "child-*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(children), 26)
	t.Logf("%d children beside 25 restarts", len(children))
}
