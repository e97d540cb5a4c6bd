//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// rivalry grabs at the lock of a site as fast as it can, and notes whether the
// PID file was ever missing or wrong, until calm is called.
func (s *site) rivalry(pid int) (calm func()) {
	stop := make(chan struct{})
	done := make(chan string)
	go func() {
		want, grabs, wrong := fmt.Sprintln(pid), 0, ""
		for {
			select {
			case <-stop:
				if wrong == "" && grabs < 1000 {
					wrong = fmt.Sprintf("only %d grabs", grabs)
				}
				done <- wrong
				return
			default:
			}
			if text, err := os.ReadFile(s.path("pid")); err != nil || string(text) != want {
				wrong = fmt.Sprintf("the PID file is %q: %v", text, err)
			}
			if f, err := os.Open(s.path("lock")); err == nil {
				if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
					wrong = "the lock was free"
				}
				f.Close()
			}
			grabs++
		}
	}()
	return func() {
		s.Helper()
		close(stop)
		require.Empty(s, <-done)
	}
}

func TestARestartKeepsPIDLockAndFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--every", "20ms")...)
	s.beats(2)
	require.False(t, restarted(pid))
	calm := s.rivalry(pid)
	for n := 1; n <= 5; n++ {
		require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has restarted in place (restart %d)\n", pid, n)},
			s.run("-s", "restart", "-p", s.path("pid")))
		require.True(t, restarted(pid))
		got := s.run(s.args()...) // a rival that plays by the rules
		require.Zero(t, got.code, got.err)
		require.Contains(t, got.out, "Shutting Down: Lock Detected. Details: ")
		require.Contains(t, got.out, fmt.Sprint("PID ", pid))
		s.beats(1)
	}
	calm()
	require.Equal(t, []int{pid}, s.living())
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
	require.NotContains(t, s.read("log"), "Error")
	s.requireOneAtATime()
	for _, b := range s.witness() {
		require.Equal(t, pid, b.pid)
		require.Equal(t, s.witness()[0].token, b.token, "the lock changed hands")
	}
}

func TestARivalNeverWinsDuringRestarts(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	pid := s.detach(s.args("--every", "10ms")...)
	s.beats(1)
	var tries atomic.Int64
	enough, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for ; ; tries.Add(1) {
			select {
			case <-enough:
				return
			default:
			}
			rival := s.command("--lock", s.path("lock"), "--log", s.path("rival.log"), "-p", s.path("rival.pid"))
			out, err := rival.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Lock Detected") {
				s.Errorf("a rival: %v\n%s", err, out)
				return
			}
		}
	}()
	for n := 1; n <= 20 || tries.Load() < 20 && !s.Failed(); n++ {
		s.signal(pid, syscall.SIGHUP)
		s.logged("Application Startup", n+1)
	}
	close(enough)
	<-stopped
	require.NoFileExists(t, s.path("rival.log"))
	require.NoFileExists(t, s.path("rival.pid"))
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
	s.requireOneAtATime()
}

// idle is how many ticks of the kernel's all processors have had nothing to do
// so far, and how many there were.
func idle(t testing.TB) (idle, all int) {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:9] {
		n := atoi(t, field)
		all += n
		if i == 3 || i == 4 { // idle, iowait: see proc_stat(5)
			idle += n
		}
	}
	return idle, all
}

// It is not parallel to anything else in this package. A run on a machine that
// has no time to spare shows nothing, and is repeated; where there never is any,
// the test is skipped. One stall of a disk or a virtual machine shows nothing
// either, three in a row do.
func TestARestartMissesNoTick(t *testing.T) {
	late := 0
	for attempt := 1; ; attempt++ {
		idleBefore, allBefore := idle(t)
		report := restartsOnTheGrid(t)
		idleAfter, allAfter := idle(t)
		spare := float64(idleAfter-idleBefore) / float64(allAfter-allBefore)
		if report == "" {
			return
		}
		if spare >= 0.4 {
			late++
		}
		require.Less(t, late, 3, "%sof all processors' time, %.0f %% was to spare", report, 100*spare)
		t.Logf("attempt %d was off the grid; %.0f %% of the processors' time was to spare", attempt, 100*spare)
		if attempt == 12 {
			t.Skip("this machine is too busy to measure")
		}
	}
}

// restartsOnTheGrid restarts a daemon six times in a row, and returns where its
// beats were if any of them was not where it should be.
func restartsOnTheGrid(t *testing.T) (report string) {
	const every = 100 * time.Millisecond
	s := plainSite(t)
	pid := s.detach(s.args("--every", every.String())...)
	s.beats(3)
	for n := 1; n <= 6; n++ {
		s.signal(pid, syscall.SIGHUP)
		s.logged(fmt.Sprintf("Restart: %d (SIGHUP)", n), 1)
		s.beats(1)
	}
	s.beats(3)
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
	s.requireOneAtATime()
	good := !strings.Contains(s.read("log"), "Missed")
	starts := s.starts()
	for n, b := range starts {
		off := b.at - starts[0].at - time.Duration(n)*every // of the grid
		report += fmt.Sprintf("beat %d: %v off the grid\n", n+1, off)
		good = good && -every/5 < off && off < every*7/10
	}
	if good {
		return ""
	}
	return report
}

func TestAnUpgradeIsPickedUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, programs.built())
	pid := s.detach(s.args()...)
	s.beats(1)
	runs := func() string {
		program, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		require.NoError(t, err)
		for _, name := range []string{"watched", "plain"} {
			if info, err := os.Stat(filepath.Join(programs.dir, name)); err == nil && os.SameFile(info, program) {
				return name
			}
		}
		return "unknown"
	}
	require.Equal(t, "watched", runs())

	t.Log("the old one renamed away, a new one put in its place")
	require.NoError(t, os.Rename(s.path("drill"), s.path("drill.old")))
	s.link("plain")
	s.signal(pid, syscall.SIGHUP)
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.beats(1)
	require.Equal(t, "plain", runs())

	t.Log("the new one replaced by another one in one step")
	s.link("watched")
	s.signal(pid, syscall.SIGHUP)
	s.logged("Restart: 2 (SIGHUP)", 1)
	s.beats(1)
	require.Equal(t, "watched", runs())
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
	s.requireOneAtATime()
}

func TestASymbolicLinkToTheProgramIsFollowedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	require.NoError(t, programs.built())
	require.NoError(t, os.Remove(s.path("drill")))
	require.NoError(t, os.Symlink(filepath.Join(programs.dir, "watched"), s.path("drill")))
	pid := s.detach(s.args()...)
	require.NoError(t, os.Symlink(filepath.Join(programs.dir, "plain"), s.path("drill.new")))
	require.NoError(t, os.Rename(s.path("drill.new"), s.path("drill")))
	require.Zero(t, s.run("-s", "restart", "-p", s.path("pid")).code)
	to, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	require.NoError(t, err)
	require.Equal(t, filepath.Join(programs.dir, "plain"), to)
}

func TestABinaryThatWouldNotStartIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put  func(s *site)
		want []string
	}{
		"gone": {
			func(s *site) { require.NoError(s, os.Remove(s.bin)) },
			[]string{"there is no such file: file does not exist"},
		},
		"not executable": {
			func(s *site) { s.write("text", "no program", 0o644); s.move("text", "drill") },
			[]string{"the file is not executable (chmod +x?)"},
		},
		"a folder": {
			func(s *site) {
				require.NoError(s, os.Remove(s.bin))
				require.NoError(s, os.Mkdir(s.bin, 0o755))
			},
			[]string{"it is a folder"},
		},
		"no program": {
			func(s *site) { s.write("text", "\x7fELF and no more", 0o755); s.move("text", "drill") },
			[]string{"exec format error"},
		},
		"another program": {
			func(s *site) {
				require.NoError(s, os.Symlink("/bin/true", s.path("true")))
				s.move("true", "drill")
			},
			[]string{"it ended without a word: it is not an Evertick daemon"},
		},
		"crash": {
			func(s *site) { s.script("echo no database >&2; exit 1") },
			[]string{"it ended with status 1 before it could say whether it would start", "\tno database"},
		},
		"killed": {
			func(s *site) { s.script("kill -SEGV $$; sleep 60") },
			[]string{"it was killed by SIGSEGV before it could say whether it would start"},
		},
		"hang": {
			func(s *site) { s.script("echo waiting >&2; sleep 600") },
			[]string{"it hung: no end within ", "so it was killed", "waiting"},
		},
		"says no": {
			func(s *site) {
				require.NoError(s, os.Rename(s.path("witness"), s.path("witness.old")))
				require.NoError(s, os.Mkdir(s.path("witness"), 0o755))
			},
			[]string{"it would not start: drill: --witness", "is a folder: give a file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			args := s.args()
			if name == "says no" { // what hinders the start would hinder an execute, too
				args = s.args("--every", "1h")
			}
			pid := s.detach(args...)
			s.eventually("the end of beat 1", func() bool { return len(s.witness()) >= 2 })
			c.put(s)
			s.signal(pid, syscall.SIGHUP)
			s.logged("Restart Refused", 1)
			log := strings.ReplaceAll(s.read("log"), `\t`, "\t")
			refused := "the binary " + s.bin + " would not start"
			if name == "says no" {
				refused = "the checks of the new program failed"
			}
			require.Contains(t, log, "Restart Refused: "+refused+". The running one goes on.\n")
			for _, text := range c.want {
				require.Contains(t, log, text)
			}
			require.Contains(t, log, "Restart Asked: SIGHUP")
			require.False(t, restarted(pid))
			require.Equal(t, pid, s.pidFile())
			if name != "says no" {
				s.beats(2)
			}
			require.Equal(t, []int{pid}, s.living(), "something was left of the trial")
			s.signal(pid, syscall.SIGTERM)
			s.gone(pid)
			s.requireEnd(0)
		})
	}
}

func (s *site) move(from, to string) {
	s.Helper()
	require.NoError(s, os.Rename(s.path(from), s.path(to)))
}

// The trial passes, and when the time has come it cannot be executed.
func TestABinaryThatCannotBeExecutedAfterItsTrial(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pid := s.detach(s.args("--work", "2s")...)
	s.script(fmt.Sprintf(`exec %s "$@"`, filepath.Join(programs.dir, "watched")))
	s.beats(1) // one that has just begun
	s.signal(pid, syscall.SIGHUP)
	s.logged("Restarting: SIGHUP, as soon as Execute", 1)
	writer, err := os.OpenFile(s.bin, os.O_WRONLY, 0)
	require.NoError(t, err)
	s.logged("Restart Refused: the binary "+s.bin+" could not be executed. The running one goes on.", 1)
	require.NoError(t, writer.Close())
	require.Contains(t, s.read("log"), "the file is open for writing (is it still being copied?)")
	s.beats(1)
	require.False(t, restarted(pid))
	require.False(t, s.lockFree())
	require.Equal(t, pid, s.pidFile())

	t.Log("it still receives its signals, and can restart again")
	s.link("watched")
	s.signal(pid, syscall.SIGUSR1)
	s.logged("Dump of", 1)
	s.signal(pid, syscall.SIGHUP)
	s.logged("Restart: 1 (SIGHUP)", 1)
	s.beats(1)
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
	s.requireOneAtATime()
}

// A signal that does nothing to a Go program does nothing to it between two
// programs either.
func TestStraySignalsKillNoRestart(t *testing.T) {
	t.Parallel()
	s := plainSite(t)
	pid := s.detach(s.args("--every", "20ms")...)
	enough, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			for _, sig := range []syscall.Signal{syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGIO} {
				_ = syscall.Kill(pid, sig)
			}
			select {
			case <-enough:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	for n := 1; n <= 10; n++ {
		require.Equal(t, outcome{out: fmt.Sprintf("drill: PID %d has restarted in place (restart %d)\n", pid, n)},
			s.run("-s", "restart", "-p", s.path("pid")))
	}
	close(enough)
	<-stopped
	s.signal(pid, syscall.SIGTERM)
	s.gone(pid)
	s.requireEnd(0)
}
