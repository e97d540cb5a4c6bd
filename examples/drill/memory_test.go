//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// memoryGroup makes a control group whose processes have so much memory, of either
// version of cgroups, below that of the test.
func (s *site) memoryGroup(bytes int) string {
	s.Helper()
	for line := range strings.Lines(s.read("/proc/self/cgroup")) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		root, limits := "", []string(nil)
		switch {
		case fields[1] == "memory":
			root, limits = "/sys/fs/cgroup/memory", []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
		case fields[0] == "0":
			root, limits = "/sys/fs/cgroup", []string{"memory.max", "memory.swap.max"}
		}
		for _, above := range []string{filepath.Join(root, fields[2]), root} {
			dir := filepath.Join(above, filepath.Base(s.dir))
			if root == "" || os.Mkdir(dir, 0o755) != nil {
				continue
			}
			s.Cleanup(func() {
				s.eventually("the end of the control group", func() bool {
					for _, pid := range s.all() {
						_ = syscall.Kill(pid, syscall.SIGKILL)
					}
					return os.Remove(dir) == nil
				})
			})
			limit := fmt.Append(nil, bytes)
			if os.WriteFile(filepath.Join(dir, limits[0]), limit, 0) != nil {
				continue
			}
			if limits[1] == "memory.swap.max" {
				limit = []byte("0")
			}
			_ = os.WriteFile(filepath.Join(dir, limits[1]), limit, 0) // where swap is accounted for
			return dir
		}
	}
	s.Skip("no control group for memory can be made here")
	return ""
}

// A daemon that the kernel kills for want of memory is told of as that, and started again
// by its watcher.
func TestADaemonRunsOutOfMemory(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	group := s.memoryGroup(100 << 20)
	args := s.args("-d", "--every", "1s", "--backoff", "10ms", "--leak", "6")
	enter := s.command(append([]string{"-c", `echo $$ > "$0"/cgroup.procs && exec ./drill "$@"`, group}, args...)...)
	enter.Path = "/bin/sh"
	got := s.finish(enter)
	require.Zero(t, got.code, got.err)
	pid := s.pidFile()
	watcher := s.watcherOf(pid)
	s.beatsAs(watcher)
	require.Greater(t, strings.Count(s.read("log"), fmt.Sprintf("] %d beat ", pid)), 10) // else it would not be started again
	require.Regexp(t, fmt.Sprintf("Died Before: PID %d, .*\n.*It left no word: SIGKILL. It ran out of memory, most likely: since its start the kernel has killed 1 process of its control group %s for that\n", pid, group), s.read("log"))
	require.Contains(t, s.read("log"), "Restarting after a death\n")
	s.signal(watcher, syscall.SIGTERM)
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	s.requireEnd(0)
}
