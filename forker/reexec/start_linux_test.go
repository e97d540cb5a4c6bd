package reexec_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

// A process that executes its program again from a thread that is not its first
// is seen as living throughout: the first thread is a zombie for a while then.
func TestStartOfSeesAProcessThroughItsExecs(t *testing.T) {
	child := roletest.Command("execs", "100")
	var words bytes.Buffer
	child.Stderr = &words
	require.NoError(t, child.Start())
	pid := child.Process.Pid
	want, err := reexec.StartOf(pid)
	require.NoError(t, err)
	for looks := 0; ; looks++ {
		got, err := reexec.StartOf(pid)
		if errors.Is(err, os.ErrProcessDone) {
			require.True(t, hasExited(t, pid), "a living process was said to have ended, in look %d", looks)
			break
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoError(t, child.Wait(), words.String())
}

// hasExited asks the kernel about a child, and leaves it to be reaped.
func hasExited(t *testing.T, pid int) bool {
	var info unix.Siginfo
	require.NoError(t, unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil))
	return info.Signo != 0
}
