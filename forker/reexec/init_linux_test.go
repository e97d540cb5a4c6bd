package reexec_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
)

// PID 1 inherits orphans: an init waits for them, so that none stays a zombie. It
// ends as its child does.
func TestAnInitReapsOrphans(t *testing.T) {
	cmd := roletest.Command("under-init", "orphans")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "left behind\n", line)
	init := cmd.Process.Pid
	roletest.Eventually(t, "the orphans to be gone", func() bool { return len(children(t, init)) == 1 })

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM)) // the child has no handler for it
	_ = cmd.Wait()
	require.Equal(t, 128+int(syscall.SIGTERM), cmd.ProcessState.ExitCode())
}

// children returns the children of all threads of a process.
func children(t *testing.T, pid int) (all []string) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(t, err)
	for _, thread := range threads {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, thread.Name()))
		if err == nil { // else it has ended
			all = append(all, strings.Fields(string(text))...)
		}
	}
	return all
}
