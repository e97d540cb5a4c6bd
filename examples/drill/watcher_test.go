//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

var watcherKills = flag.Int("watcher.kills", 3, "how often each of the tests of watchers kills")

// detachWatched starts a daemon with a watcher.
func (s *site) detachWatched(args ...string) (pid int) {
	s.Helper()
	return s.detach(s.args(append(args, "--backoff", "10ms")...)...)
}

// watcherOf waits for the watcher of a process.
func (s *site) watcherOf(pid int) (watcher int) {
	s.Helper()
	s.eventually(fmt.Sprintf("the watcher of PID %d", pid), func() bool {
		for _, watcher = range s.all() {
			if s.read(fmt.Sprintf("/proc/%d/cmdline", watcher)) == fmt.Sprintf("drill: watcher of PID %d\x00", pid) {
				return true
			}
		}
		return false
	})
	return watcher
}

// stops lets a process stand still.
func (s *site) stops(pid int) {
	s.Helper()
	s.signal(pid, syscall.SIGSTOP)
	s.eventually(fmt.Sprintf("PID %d to stand still", pid), func() bool {
		return regexp.MustCompile(`\) T `).MatchString(s.read(fmt.Sprintf("/proc/%d/stat", pid)))
	})
}

// provesItself waits until a daemon that beats once a second has run for more than the
// 10 s in which an error is a bad start.
func (s *site) provesItself() {
	s.Helper()
	s.logged("beat 6", 1)
	s.logged("beat 12", 1)
}

// beatsAs waits until a process has executed.
func (s *site) beatsAs(pid int) {
	s.Helper()
	s.eventually(fmt.Sprintf("an execute of PID %d", pid), func() bool {
		return strings.Contains(s.read("log"), fmt.Sprintf("] %d beat 1\n", pid))
	})
}

// A daemon that is killed is followed by its watcher, again and again, each death is
// told once, and a restart in place keeps the watcher. A stop ends both, also while the
// watcher hangs.
func TestAKilledDaemonIsFollowedByItsWatcher(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detachWatched("--every", "1s")
	s.provesItself()
	for n := range *watcherKills {
		watcher := s.watcherOf(pid)
		if n%5 == 1 {
			got := s.run("-s", "restart", "-p", s.path("pid"))
			require.Zero(t, got.code, got.err)
			require.Equal(t, watcher, s.watcherOf(pid))
		}
		s.signal(pid, syscall.SIGKILL)
		s.beatsAs(watcher)
		require.Equal(t, watcher, s.pidFile())
		require.Equal(t, 1, strings.Count(s.read("log"), fmt.Sprintf("Died Before: PID %d, ", pid)))
		pid = watcher
	}
	watcher := s.watcherOf(pid)
	require.Contains(t, s.run("-s", "dump", "-p", s.path("pid")).out, fmt.Sprintf("PID %d\n", watcher))
	s.stops(watcher)
	got := s.run("-s", "stop", "-p", s.path("pid"))
	require.Zero(t, got.code, got.err)
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	require.NoFileExists(t, s.path("pid"))
	require.NoFileExists(t, s.path("lock.state"))
	require.Equal(t, *watcherKills, strings.Count(s.read("log"), "Restarting after a death\n"))
}

// A watcher that is killed is followed by another one, and the daemon takes no notice.
func TestAKilledWatcherIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detachWatched()
	for range *watcherKills {
		watcher := s.watcherOf(pid)
		s.signal(watcher, syscall.SIGKILL)
		s.gone(watcher)
		require.NotEqual(t, watcher, s.watcherOf(pid))
	}
	s.signal(pid, syscall.SIGTERM)
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	require.NotContains(t, s.read("log"), "Died Before")
	s.requireEnd(0)
}

// Where both are killed, nothing is left, and the next start tells of it.
func TestADaemonAndItsWatcherAreKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for n := range *watcherKills {
		pid := s.detachWatched()
		both := []int{s.watcherOf(pid), pid}
		if n%2 == 1 {
			both = []int{pid, s.watcherOf(pid)}
		}
		for _, pid := range both {
			s.signal(pid, syscall.SIGKILL)
		}
		s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
		next := s.nextStart()
		require.Equal(t, 1, strings.Count(s.read("log"), fmt.Sprintf("Died Before: PID %d, ", pid)), next)
	}
}

// A death within the first 10 s is a bad start: its watcher alerts, and nothing follows.
func TestADaemonThatDiesEarlyIsNotFollowed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.detachWatched("--crash-at", "3")
	s.logged("Shutdown Complete", 1) // a process that executes a program may look as if it was not there
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	require.Contains(t, s.read("log"), "Its last words in "+s.path("log")+": panic: beat 3 was told to crash\n")
	require.Contains(t, s.read("log"), "Shutting Down: death, and it came within the first 10s of run time")
	require.NoFileExists(t, s.path("pid"))
	require.NoFileExists(t, s.path("lock.state"))
	s.requireEnd(1)
}

// A daemon that is reported to its launcher has its watcher already.
func TestADaemonThatIsKilledAtOnce(t *testing.T) {
	t.Parallel()
	for range *watcherKills {
		s := newSite(t)
		pid := s.detachWatched()
		s.signal(pid, syscall.SIGKILL)
		s.logged(fmt.Sprintf("Died Before: PID %d, ", pid), 1)
		s.logged("Shutting Down: death, and it came within the first 10s of run time", 1)
		s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	}
}

// -s stop of a daemon that has died ends its watcher, which stands still.
func TestAStopEndsTheWatcherOfADeadDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detachWatched()
	watcher := s.watcherOf(pid)
	s.beats(2)
	s.stops(watcher)
	s.signal(pid, syscall.SIGKILL)
	s.gone(pid)
	got := s.run("-s", "stop", "-p", s.path("pid"), "--lock", s.path("lock"), "--log", s.path("log"))
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, fmt.Sprintf("drill: PID %d had died already, and PID %d, which was to start it again, has ended; ", pid, watcher))
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	require.NoFileExists(t, s.path("pid"))
	require.NoFileExists(t, s.path("lock.state"))
}

// A daemon that is killed while -s stop waits for its end stays ended.
func TestAStopOutlivesAKill(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detachWatched("--every", "1s")
	s.watcherOf(pid)
	s.provesItself()
	s.stops(pid)
	stop := s.start("-s", "stop", "-p", s.path("pid"), "--lock", s.path("lock"), "--log", s.path("log"))
	pending := regexp.MustCompile(`(?m)^ShdPnd:\s*0*4000$`) // SIGTERM
	s.eventually("the stop to be asked for", func() bool { return pending.MatchString(s.read(fmt.Sprintf("/proc/%d/status", pid))) })
	s.signal(pid, syscall.SIGKILL)
	require.Zero(t, stop.exit())
	require.Contains(t, s.read(stop.out), fmt.Sprintf("drill: PID %d has stopped; it had no time to clean up", pid))
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
	require.Zero(t, strings.Count(s.read("log"), "Died Before"))
}

// A standby takes over at once, or while what follows the death of the holder pauses, and
// that stands by behind it.
func TestAStandbyTakesOverInThePause(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--standby", "--every", "1s", "--backoff", "1h")...)
	standby := s.start(s.args("--standby", "--every", "1s", "--backoff", "10ms")...)
	s.provesItself()
	watcher := s.watcherOf(pid)
	s.signal(pid, syscall.SIGKILL)
	s.beatsAs(standby.pid)
	require.Equal(t, standby.pid, s.pidFile())
	require.Equal(t, 1, strings.Count(s.read("log"), fmt.Sprintf("Died Before: PID %d, ", pid)))
	begun := regexp.MustCompile(fmt.Sprintf(`\] %d (Restarting|Standing by)`, watcher))
	s.eventually("what follows it", func() bool { return begun.MatchString(s.read("log")) })
	s.signal(watcher, syscall.SIGHUP) // cuts the pause short
	s.eventually("the restart", func() bool { return restarted(watcher) })
	s.signal(standby.pid, syscall.SIGTERM)
	require.Zero(t, standby.exit())
	s.beatsAs(watcher)
	s.signal(watcher, syscall.SIGTERM)
	s.eventually("the end of all", func() bool { return len(s.all()) == 0 })
}

// A program that cannot be executed for a while is started when it can, and the log tells
// meanwhile.
func TestAProgramThatCannotBeExecuted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	self, err := os.Executable()
	require.NoError(t, err)
	s.write("drill.new", s.read(self), 0o755) // a copy, whose mode is its own
	require.NoError(t, os.Rename(s.path("drill.new"), s.bin))
	pid := s.detachWatched("--every", "1s")
	s.provesItself()
	watcher := s.watcherOf(pid)
	require.NoError(t, os.Chmod(s.bin, 0o644))
	s.signal(pid, syscall.SIGKILL)
	s.logged(fmt.Sprintf("] %d Error: PID %d has died, and its watcher cannot start it again: exec %s: the file is not executable", watcher, pid, s.bin), 1)
	require.NoError(t, os.Chmod(s.bin, 0o755))
	s.beatsAs(watcher)
	require.Contains(t, s.read("log"), "Its watcher could not start it again for ")
	s.signal(watcher, syscall.SIGTERM)
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
}

// A watcher takes next to no memory, and sleeps.
func TestAWatcherIsSmall(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	pid := s.detachWatched()
	watcher := s.watcherOf(pid)
	s.beats(5)
	status := s.read(fmt.Sprintf("/proc/%d/status", watcher))
	m := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindStringSubmatch(status)
	require.NotNil(t, m, status)
	require.LessOrEqual(t, atoi(t, m[1]), 1536, status)
	before := s.switches(watcher)
	s.beats(20)
	require.Less(t, s.switches(watcher)-before, 10)
	s.signal(pid, syscall.SIGTERM)
	s.eventually("the end of both", func() bool { return len(s.all()) == 0 })
}

// switches returns how often the threads of a process have gone to sleep.
func (s *site) switches(pid int) (all int) {
	s.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	require.NoError(s, err)
	for _, thread := range threads {
		status := s.read(fmt.Sprintf("/proc/%d/task/%s/status", pid, thread.Name()))
		m := regexp.MustCompile(`\nvoluntary_ctxt_switches:\s+(\d+)`).FindStringSubmatch(status)
		require.NotNil(s, m, status)
		all += atoi(s, m[1])
	}
	return all
}
