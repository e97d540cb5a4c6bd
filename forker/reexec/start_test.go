package reexec_test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err := reexec.StartOf(pid)
		if err != nil {
			require.ErrorIs(t, err, os.ErrProcessDone)
			return
		}
		require.True(t, time.Now().Before(deadline), "process %d is still there", pid)
		time.Sleep(time.Millisecond)
	}
}
