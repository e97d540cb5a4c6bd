package reexec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

// lives is how many lives a watched process has at most.
const lives = 4

// life is what a watched process writes down of each of its lives.
type life struct {
	PID, Watcher, Session int
	Kind                  reexec.Kind
	Executable, Dir       string
}

// watched is a process with a watcher; its State is the number of its life. It
// writes each down in the folder args[0], and ends the first one as args[1] says.
func watched(args []string) {
	system := reexec.System(nil)
	info := system.Info()
	n, _ := strconv.Atoi(string(info.Origin.State))
	p := program("watched", args...)
	p.State = []byte(strconv.Itoa(n + 1))
	w, err := system.Watch(p, fmt.Sprintf("watched: watcher of PID %d", info.PID))
	roletest.Must(err)
	session, err := unix.Getsid(0)
	roletest.Must(err)
	roletest.Save(filepath.Join(args[0], strconv.Itoa(n)), life{
		PID: info.PID, Watcher: w.PID(), Session: session,
		Kind: info.Origin.Kind, Executable: info.Executable, Dir: info.Origin.Dir,
	})
	switch {
	case n >= lives:
		system.Unwatch()
	case n > 0:
		roletest.Block()
	default:
		firstLife(args[1], system, w, p)
	}
}

// firstLife ends a life.
func firstLife(how string, system *reexec.OS, w reexec.Watching, p reexec.Program) {
	switch how {
	case "block":
		roletest.Block()
	case "exit":
		os.Exit(3)
	case "panic":
		panic("boom")
	case "exec":
		signals.System().Quiesce()
		w.Suspend()
		roletest.Must(system.Exec(p))
	case "exec fails":
		signals.System().Quiesce()
		w.Suspend()
		p.Path = "/nowhere"
		_ = system.Exec(p)
		w.Resume()
		os.Exit(3)
	case "tell":
		roletest.Must(w.Tell([]byte("2")))
		os.Exit(3)
	case "suspend":
		w.Suspend()
		os.Exit(3)
	case "stop":
		system.Unwatch()
	case "stop a hung one":
		roletest.Must(syscall.Kill(w.PID(), syscall.SIGSTOP))
		system.Unwatch()
	case "lose it":
		roletest.Must(syscall.Kill(w.PID(), syscall.SIGKILL))
		w.Wait()
		roletest.Must(w.Tell(nil)) // it has ended, so this is status 90
	}
}

// watchedLives is the lives of a watched process, whose first one ends so.
type watchedLives struct {
	*testing.T
	dir string
}

func startWatched(t *testing.T, how string) watchedLives {
	l := watchedLives{t, t.TempDir()}
	cmd := roletest.Command("watched", l.dir, how)
	require.NoError(t, cmd.Start())
	go func() { _ = cmd.Wait() }()
	t.Cleanup(l.end)
	return l
}

func (l watchedLives) of(n int) life {
	l.Helper()
	return roletest.Load[life](l, filepath.Join(l.dir, strconv.Itoa(n)))
}

// end kills what is left, in the order in which a watcher loses.
func (l watchedLives) end() {
	for n := lives; n >= 0; n-- {
		if _, err := os.Stat(filepath.Join(l.dir, strconv.Itoa(n))); err == nil {
			for _, pid := range []int{l.of(n).Watcher, l.of(n).PID} {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				roletest.Eventually(l, "the end of a process", func() bool { return roletest.Gone(pid) })
			}
		}
	}
}

// However a process dies, its watcher executes its program.
func TestAWatcherTakesThePlaceOfADeadProcess(t *testing.T) {
	for _, how := range []string{"exit", "panic", "exec fails", "block"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			l := startWatched(t, how)
			before := l.of(0)
			if how == "block" {
				require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
			}
			require.Equal(t, life{
				PID: before.Watcher, Watcher: l.of(1).Watcher, Session: before.Watcher,
				Kind: reexec.Respawned, Executable: before.Executable, Dir: before.Dir,
			}, l.of(1))
			require.NoError(t, syscall.Kill(l.of(1).PID, syscall.SIGKILL)) // and again
			require.Equal(t, l.of(1).Watcher, l.of(2).PID)
		})
	}
}

// A stop ends the watcher, and nothing follows, also where the watcher hangs.
func TestAStopEndsTheWatcher(t *testing.T) {
	for _, how := range []string{"stop", "stop a hung one", "suspend"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			l := startWatched(t, how)
			before := l.of(0)
			roletest.Eventually(t, "the end of both", func() bool { return roletest.Gone(before.PID) && roletest.Gone(before.Watcher) })
			require.NoFileExists(t, filepath.Join(l.dir, "1"))
		})
	}
}

// An exec keeps the watcher, which watches the next program.
func TestAnExecKeepsTheWatcher(t *testing.T) {
	l := startWatched(t, "exec")
	before, next := l.of(0), l.of(1)
	require.Equal(t, before.PID, next.PID)
	require.Equal(t, reexec.Restarted, next.Kind)
	require.Equal(t, before.Watcher, next.Watcher)
	require.NoError(t, syscall.Kill(next.PID, syscall.SIGKILL))
	require.Equal(t, before.Watcher, l.of(2).PID)
	require.Equal(t, reexec.Respawned, l.of(2).Kind)
}

// What the watcher was told last reaches the program.
func TestAWatcherIsTold(t *testing.T) {
	l := startWatched(t, "tell")
	require.Equal(t, l.of(0).Watcher, l.of(2).PID)
	require.NoFileExists(t, filepath.Join(l.dir, "1"))
}

// Nobody takes the place of a process whose watcher was killed.
func TestAWatcherThatWasKilled(t *testing.T) {
	l := startWatched(t, "lose it")
	roletest.Eventually(t, "the end", func() bool { return roletest.Gone(l.of(0).PID) })
	require.NoFileExists(t, filepath.Join(l.dir, "1"))
}

// A watcher executes what has run, not what somebody has put in its place; the path
// stays that of the program.
func TestAWatcherExecutesWhatHasRun(t *testing.T) {
	l := watchedLives{t, t.TempDir()}
	t.Cleanup(l.end)
	own, err := os.Executable()
	require.NoError(t, err)
	bin := filepath.Join(t.TempDir(), "daemon")
	text, err := os.ReadFile(own)
	require.NoError(t, err)
	syscall.ForkLock.RLock() // a child must not hold the file open for writing
	err = os.WriteFile(bin, text, 0o755)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	cmd := roletest.Command("watched", l.dir, "block")
	cmd.Path, cmd.Args[0] = bin, bin
	require.NoError(t, cmd.Start())
	go func() { _ = cmd.Wait() }()
	require.Equal(t, bin, l.of(0).Executable)
	syscall.ForkLock.RLock()
	err = os.WriteFile(bin+".new", []byte("#!/bin/sh\n"), 0o755)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	require.NoError(t, os.Rename(bin+".new", bin))
	require.NoError(t, syscall.Kill(l.of(0).PID, syscall.SIGKILL))
	require.Equal(t, reexec.Respawned, l.of(1).Kind)
	require.Equal(t, bin, l.of(1).Executable)
}
