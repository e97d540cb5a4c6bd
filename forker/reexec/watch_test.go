package reexec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
	Trouble               string
	Args                  int
	Alive                 bool // is the process of the life before
}

// watched is a process with a watcher; its State is the number of its life. It
// writes each down in the folder args[0], and ends the first one as args[1] says. Its
// log is args[2], if there is one.
func watched(args []string) {
	system := reexec.System(nil)
	info := system.Info()
	n, _ := strconv.Atoi(string(info.Origin.State))
	p := program("watched", args...)
	p.State = []byte(strconv.Itoa(n + 1))
	w, err := system.Watch(p, fmt.Sprintf("watched: watcher of PID %d", info.PID))
	roletest.Must(err)
	if len(args) > 2 {
		roletest.Must(system.CrashTo(args[2], false))
	}
	session, err := unix.Getsid(0)
	roletest.Must(err)
	alive := false
	if text, err := os.ReadFile(filepath.Join(args[0], strconv.Itoa(n-1))); err == nil {
		var before life
		roletest.Must(json.Unmarshal(text, &before))
		alive = before.PID != info.PID && !roletest.Gone(before.PID)
	}
	roletest.Save(filepath.Join(args[0], strconv.Itoa(n)), life{
		PID: info.PID, Watcher: w.PID(), Session: session,
		Kind: info.Origin.Kind, Executable: info.Executable, Dir: info.Origin.Dir,
		Trouble: info.Origin.Trouble, Args: len(args), Alive: alive,
	})
	switch {
	case n >= lives:
		system.Unwatch()
	case n > 0:
		roletest.Block()
	default:
		firstLife(args, system, w, p)
	}
}

// pipeToWatcher is the descriptor of the only pipe for writing.
func pipeToWatcher() (fd int) {
	for fd = 3; fd < 100; fd++ {
		var st unix.Stat_t
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil && flags&unix.O_ACCMODE == unix.O_WRONLY && unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO {
			return fd
		}
	}
	panic("there is none")
}

// firstLife ends a life.
func firstLife(args []string, system *reexec.OS, w reexec.Watching, p reexec.Program) {
	switch args[1] {
	case "block":
		roletest.Block()
	case "exit":
		os.Exit(3)
	case "close": // and end later, as a process does that takes its time to end
		_ = unix.Close(pipeToWatcher())
		time.Sleep(200 * time.Millisecond)
		os.Exit(3)
	case "parent":
		child := roletest.Command("block")
		roletest.Must(child.Start())
		roletest.Save(filepath.Join(args[0], "child"), child.Process.Pid)
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

func startWatched(t *testing.T, how string, more ...string) watchedLives {
	path, err := os.Executable()
	require.NoError(t, err)
	return startWatchedAt(t, path, how, more...)
}

// startWatchedAt is startWatched with a program of that path.
func startWatchedAt(t *testing.T, path, how string, more ...string) watchedLives {
	l := watchedLives{t, t.TempDir()}
	cmd := roletest.Command("watched", append([]string{l.dir, how}, more...)...)
	cmd.Path, cmd.Args[0] = path, path
	require.NoError(t, cmd.Start())
	go func() { _ = cmd.Wait() }()
	t.Cleanup(l.end)
	return l
}

// copied is a copy of the test binary.
func copied(t *testing.T) (path string) {
	own, err := os.Executable()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "daemon")
	text, err := os.ReadFile(own)
	require.NoError(t, err)
	syscall.ForkLock.RLock() // a child must not hold the file open for writing
	err = os.WriteFile(path, text, 0o755)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	return path
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
				Kind: reexec.Respawned, Executable: before.Executable, Dir: before.Dir, Args: before.Args,
			}, l.of(1))
			require.NoError(t, syscall.Kill(l.of(1).PID, syscall.SIGKILL)) // and again
			require.Equal(t, l.of(1).Watcher, l.of(2).PID)
		})
	}
}

// The program begins when the process has ended whole, not when its files are closed.
func TestAWatcherWaitsForTheEnd(t *testing.T) {
	l := startWatched(t, "close")
	require.Equal(t, l.of(0).Watcher, l.of(1).PID)
	require.False(t, l.of(1).Alive)
}

// A child that outlives the process does not hide its end.
func TestAChildDoesNotHideADeath(t *testing.T) {
	l := startWatched(t, "parent")
	child := roletest.Load[int](t, filepath.Join(l.dir, "child"))
	defer func() { _ = syscall.Kill(child, syscall.SIGKILL) }()
	require.Equal(t, l.of(0).Watcher, l.of(1).PID)
	require.False(t, roletest.Gone(child))
}

// A watcher ignores what is sent to all processes of a name, and so does what follows until it
// listens. It has none of the files that its process was started with.
func TestAWatcherStandsApart(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer file.Close()
	l := watchedLives{t, t.TempDir()}
	cmd := roletest.Command("watched", l.dir, "block")
	cmd.ExtraFiles = []*os.File{file, file, file, file} // the first ones make room for its own
	require.NoError(t, cmd.Start())
	go func() { _ = cmd.Wait() }()
	t.Cleanup(l.end)
	watcher := l.of(0).Watcher
	if runtime.GOOS == "linux" {
		files := func() (all []string) {
			entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", watcher))
			require.NoError(t, err)
			for _, entry := range entries {
				to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", watcher, entry.Name()))
				all = append(all, to)
			}
			return all
		}
		roletest.Eventually(t, "the watcher's name", func() bool {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", watcher))
			return string(name) == "watcher\n"
		})
		roletest.Eventually(t, "the watcher to close what is not its own", func() bool { return !slices.Contains(files(), file.Name()) })
		ignored := regexp.MustCompile(`(?m)^SigIgn:\s*([0-9a-f]+)$`)
		roletest.Eventually(t, "the watcher to ignore signals", func() bool {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", watcher))
			require.NoError(t, err)
			mask, err := strconv.ParseUint(string(ignored.FindSubmatch(status)[1]), 16, 64)
			require.NoError(t, err)
			const all = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGUSR1-1) | 1<<(syscall.SIGUSR2-1)
			return mask&all == all
		})
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2} {
		require.NoError(t, syscall.Kill(watcher, sig))
	}
	require.NoError(t, syscall.Kill(l.of(0).PID, syscall.SIGKILL))
	require.Equal(t, watcher, l.of(1).PID)
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
	bin := copied(t)
	l := startWatchedAt(t, bin, "block")
	require.Equal(t, bin, l.of(0).Executable)
	syscall.ForkLock.RLock()
	err := os.WriteFile(bin+".new", []byte("#!/bin/sh\n"), 0o755)
	syscall.ForkLock.RUnlock()
	require.NoError(t, err)
	require.NoError(t, os.Rename(bin+".new", bin))
	require.NoError(t, syscall.Kill(l.of(0).PID, syscall.SIGKILL))
	require.Equal(t, reexec.Respawned, l.of(1).Kind)
	require.Equal(t, bin, l.of(1).Executable)
}

// A watcher that cannot execute the program says so in the log, once for each cause, and
// tries again until it can; what follows is told of it.
func TestAWatcherTriesAgain(t *testing.T) {
	bin, log := copied(t), filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(log, nil, 0o644))
	l := startWatchedAt(t, bin, "block", log)
	before := l.of(0)
	require.NoError(t, os.Chmod(bin, 0o644))
	require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
	says := fmt.Sprintf("] %d Error: PID %d has died, and its watcher cannot start it again: exec %s: the file is not executable", before.Watcher, before.PID, bin)
	read := func() string {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		return string(text)
	}
	roletest.Eventually(t, "the watcher's word", func() bool { return strings.Contains(read(), says) })
	require.NoError(t, os.Rename(bin, bin+".away"))
	roletest.Eventually(t, "another word", func() bool { return strings.Contains(read(), "there is no such file") })
	require.NoError(t, os.Chmod(bin+".away", 0o755))
	require.NoError(t, os.Rename(bin+".away", bin))
	require.Equal(t, before.Watcher, l.of(1).PID)
	require.Contains(t, l.of(1).Trouble, "Its watcher could not start it again for ")
	require.Contains(t, l.of(1).Trouble, "there is no such file")
	require.Equal(t, 2, strings.Count(read(), "\n"))
}

// A command line may be as long as the kernel lets it be.
func TestAWatcherKnowsALongCommandLine(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(log, nil, 0o644))
	more := []string{log}
	for range 3000 {
		more = append(more, strings.Repeat("x", 100))
	}
	l := startWatched(t, "block", more...)
	require.NoError(t, syscall.Kill(l.of(0).PID, syscall.SIGKILL))
	require.Equal(t, l.of(0).Watcher, l.of(1).PID)
	require.Equal(t, 2+len(more), l.of(1).Args)
}
