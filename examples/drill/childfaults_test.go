//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/memcache/memcachetest"
)

// What scenarios in core show of children and their daemon's faults, in real
// processes.

// state is the state of a process, as proc_pid_stat(5) names it; empty where it
// is gone.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

// child is the only other process of the site.
func (s *site) child(daemon int) int {
	s.Helper()
	pids := s.living()
	require.Len(s, pids, 2)
	if pids[0] == daemon {
		return pids[1]
	}
	return pids[0]
}

// Children that die one after the other are not started any more. The program is
// the one of its users, so that a death comes early on a busy machine, too.
func TestChildrenThatDieEarlyAreNotStartedForAWhile(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	p := s.start(s.args("--every", "50ms", "--fork", "5", "--task", "crash")...)
	s.logged("Error: task crash is not started for a while: its children die soon after their start: 21 within 1m0s", 1)
	refused := regexp.MustCompile(`tasks so far; [1-9]\d* were refused`)
	s.eventually("a refused fork", func() bool { return refused.MatchString(s.read("log")) })
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	require.Zero(t, p.exit())
	require.Empty(t, s.living())
}

// A child of a daemon that is stopped goes on. One that has ended meanwhile is
// reaped as soon as the daemon continues.
func TestAChildOfAStoppedDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.forkOnce(1, "hang")...)
	s.logged("hanging", 1)
	child := s.child(p.pid)
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGSTOP))
	s.eventually("the stop", func() bool { return state(p.pid) == "T" })
	require.Contains(t, "RSD", state(child))
	require.NoError(t, syscall.Kill(child, syscall.SIGKILL))
	s.eventually("the zombie", func() bool { return state(child) == "Z" })
	require.NotContains(t, s.read("log"), "killed by SIGKILL")
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGCONT))
	s.logged(fmt.Sprintf("task hang (PID %d): killed by SIGKILL without a result", child), 1)
	s.eventually("the reap", func() bool { return state(child) == "" })
	require.NoError(t, syscall.Kill(p.pid, syscall.SIGTERM))
	require.Zero(t, p.exit())
}

// Children do not go on without the lock, stubborn ones neither. That another file
// is in the place of the lock file, and locked by another process, is noticed
// within ten seconds.
func TestALostLockLeavesNoChild(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start(s.forkOnce(3, "stubborn")...)
	s.logged("ignoring SIGTERM", 3)
	other, err := os.OpenFile(s.path("lock.other"), os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	require.NoError(t, os.Rename(s.path("lock.other"), s.path("lock")))
	select { // a look at the file comes each ten seconds
	case <-p.ended:
	case <-time.After(patience):
	}
	require.Equal(t, 1, p.exit())
	require.Contains(t, s.read("log"), "Lock Lost")
	require.Empty(t, s.living())
}

// A task that outlives a restart does not where the lock was lost meanwhile, though
// the next program has won it again at once.
func TestATaskDoesNotOutliveALostLock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	store := memcachetest.Start(t)
	daemon := s.detach(s.args("--every", "10m", "--fork", "1", "--task", "outlive", "--lock", "memcached://"+store.Address()+"/drill?ttl=1h")...)
	s.logged("outliving 3", 1)
	child := s.child(daemon)
	store.Kill()
	store.Restart() // it has forgotten the lock
	require.NoError(t, syscall.Kill(daemon, syscall.SIGHUP))
	s.logged("Restart: 1 (", 1)
	require.Regexp(t, "the lock was lost during the restart|Lock Lost", s.read("log"))
	require.False(t, alive(child), "it goes on, beside the lock's next holder")
	require.NoError(t, syscall.Kill(daemon, syscall.SIGTERM))
	s.gone(daemon)
	s.requireEnd(0)
}
