//go:build linux

package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A daemon that has no descriptor left restarts all the same.
func TestADaemonWithoutDescriptorsRestarts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--witness=")...)
	s.logged("beat 2\n", 1)
	// From now on it can open one more at most.
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	limit := unix.Rlimit{Max: 1 << 12}
	for _, entry := range open {
		limit.Cur = max(limit.Cur, uint64(atoi(t, entry.Name()))+1)
	}
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil))
	s.signal(pid, unix.SIGHUP)
	s.logged("Restart: 1 (", 1)
	s.logged("beat 9\n", 1)
	require.Equal(t, fmt.Sprintf("drill: PID %d has stopped\n", pid), s.run("-s", "stop", "-p", s.path("pid")).out)
}
