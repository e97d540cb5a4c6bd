package reexec_test

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

// A process is told from a later one of its number, and from one that has ended
// and was not reaped.
func TestStartOfTellsProcessesApart(t *testing.T) {
	own, err := reexec.StartOf(os.Getpid())
	require.NoError(t, err)
	again, err := reexec.StartOf(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, own, again)

	child := exec.Command("sleep", "60")
	require.NoError(t, child.Start())
	start, err := reexec.StartOf(child.Process.Pid)
	require.NoError(t, err)
	require.NoError(t, child.Process.Kill())
	if runtime.GOOS == "linux" {
		assert.NotEmpty(t, own)
		assert.NotEqual(t, own, start)
		awaitDone(t, child.Process.Pid)
	}
	_ = child.Wait()
	awaitDone(t, child.Process.Pid)
}

// awaitDone waits until a process is told to have ended.
func awaitDone(t *testing.T, pid int) {
	for deadline := time.Now().Add(roletest.Patience); ; {
		_, err := reexec.StartOf(pid)
		if err != nil {
			require.ErrorIs(t, err, os.ErrProcessDone)
			return
		}
		require.True(t, time.Now().Before(deadline), "process %d is still there", pid)
		time.Sleep(time.Millisecond)
	}
}

// execs executes the test binary again as often as it is told.
func execs(args []string) {
	left, err := strconv.Atoi(args[0])
	roletest.Must(err)
	if left == 0 {
		return
	}
	runtime.LockOSThread() // the first thread, which so executes nothing itself
	var held sync.WaitGroup
	for range 4 {
		held.Add(1)
		go func() { runtime.LockOSThread(); held.Done(); select {} }()
	}
	held.Wait()
	path, err := os.Executable()
	roletest.Must(err)
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		failed <- syscall.Exec(path, append([]string{path}, roletest.Args("execs", strconv.Itoa(left-1))...), os.Environ())
	}()
	roletest.Must(<-failed)
}
