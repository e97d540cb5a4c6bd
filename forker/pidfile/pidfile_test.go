package pidfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/pidfile"
)

func TestMain(m *testing.M) {
	roletest.Main(m, map[string]roletest.Role{
		"other": other, "full": full, "umask": umask,
	})
}

// full locks a PID file on what is as good as a full disk: with a limit of one
// byte to a file's size.
func full(args []string) {
	roletest.Must(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: 1}))
	_, err := pidfile.Disk(nil).Lock(args[0])
	fmt.Print(err)
}

func umask(args []string) {
	syscall.Umask(0)
	_, err := pidfile.Disk(nil).Lock(args[0])
	roletest.Must(err)
	info, err := os.Stat(args[0])
	roletest.Must(err)
	fmt.Print(info.Mode())
}

// pathIn returns a PID file's path in a folder of the test's own.
func pathIn(t testing.TB) string { return filepath.Join(t.TempDir(), "d.pid") }

// onlyFile shows that nothing but the PID file was left in its folder.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, filepath.Base(path), entries[0].Name())
}

func TestOfManyProcessesOneLocks(t *testing.T) {
	const starters = 20
	processes := make([]*otherProcess, starters)
	for i := range processes {
		processes[i] = startOther(t)
	}
	dead := startOther(t)
	dead.Kill()
	for round, before := range []string{"", "", "missing", "missing", "stale", "stale"} {
		path := pathIn(t)
		switch before {
		case "missing":
		case "stale":
			require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, dead.PID()), 0o644))
		default:
			require.NoError(t, os.WriteFile(path, []byte(before), 0o644))
		}
		errs := make(chan error, starters)
		for _, p := range processes {
			go func() { errs <- p.Lock(path) }()
		}
		var locked *pidfile.LockedError
		winners := 0
		var refused []pidfile.LockedError
		for range starters {
			switch err := <-errs; {
			case err == nil:
				winners++
			case errors.As(err, &locked):
				refused = append(refused, *locked)
			default:
				require.NoError(t, err)
			}
		}
		require.Equal(t, 1, winners, "round %d", round)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, r := range refused {
			require.Equal(t, string(text), fmt.Sprintln(r.PID))
		}
		onlyFile(t, path)
		for _, p := range processes {
			if fmt.Sprintln(p.PID()) == string(text) {
				require.NoError(t, p.Remove())
			}
		}
		require.NoFileExists(t, path)
	}
}

func TestFindHindersNoLock(t *testing.T) {
	path := pathIn(t)
	require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = pidfile.Disk(nil).Find(path)
			}
		}
	}()
	for range 200 {
		require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644))
		file, err := pidfile.Disk(nil).Lock(path)
		require.NoError(t, err)
		require.NoError(t, file.Remove())
	}
	close(stop)
	<-stopped
}

func TestWhereAPIDFileCannotBe(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("precious"), 0o644))
	require.NoError(t, os.Symlink("file", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	for name, want := range map[string]string{
		"link":       "it is a symbolic link; remove it",
		"dangling":   "it is a symbolic link; remove it",
		"folder":     "it is a folder: name a file in it",
		"fifo":       "it is a FIFO and no regular file: remove it",
		"file/d.pid": "not a directory: name a path whose parent is a folder",
		"gone/d.pid": "no such file or directory: create the folder or name another path",
		"/proc/d":    "a part of the kernel",
		"/dev/null":  "it is a device and no regular file",
	} {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(dir, name)
		}
		m := pidfile.Disk(nil)
		_, lockErr := m.Lock(path)
		for _, err := range []error{lockErr, m.Check(path)} {
			require.ErrorContains(t, err, want, name)
			require.ErrorContains(t, err, path)
			require.Equal(t, 1, strings.Count(err.Error(), "PID file: "))
			require.NotContains(t, err.Error(), "\n")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	require.Equal(t, "precious", string(text))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 5, "nothing left behind")
}

func TestAFileThatIsNoPIDFileKeepsItsText(t *testing.T) {
	path := pathIn(t)
	m := pidfile.Disk(nil)
	for _, text := range []string{"buy milk\n", "\n", "0\n", "-1\n", "12 13\n", "12\n\n", strings.Repeat("9", 100), "\x00\x00"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, lockErr := m.Lock(path)
		for doing, err := range map[string]error{"lock ": lockErr, "": m.Check(path)} {
			require.EqualError(t, err, "PID file: "+doing+path+
				": it holds something else than a process's number; name another path, or remove it", "%q", text)
		}
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(kept))
		onlyFile(t, path)
	}
	for _, text := range []string{"", "99999999", "99999999\n"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.NoError(t, m.Check(path), "%q", text)
		file, err := m.Lock(path)
		require.NoError(t, err, "%q", text)
		require.NoError(t, file.Remove())
	}
}

func TestAFullDiskLeavesNothingBehind(t *testing.T) {
	path := pathIn(t)
	out, err := roletest.Command("full", path).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "PID file: lock "+path+": ")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAPIDFileIsNeverMoreThanReadableToOthers(t *testing.T) {
	out, err := roletest.Command("umask", pathIn(t)).Output()
	require.NoError(t, err)
	require.Equal(t, "-rw-r--r--", string(out))
}

func TestFindRefusesANumberThatDidNotLock(t *testing.T) {
	path := pathIn(t)
	daemon, unrelated := startOther(t), startOther(t)
	require.NoError(t, daemon.Lock(path))
	// Somebody writes another living process's number into the locked file.
	require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, unrelated.PID()), 0o644))
	_, err := pidfile.Disk(nil).Find(path)
	require.ErrorContains(t, err, "which is not the daemon that has locked it; nothing was signalled")
}

func TestFindExplainsItself(t *testing.T) {
	path := pathIn(t)
	unrelated := startOther(t)
	for text, want := range map[string]string{
		"":        "it is empty",
		"12 13\n": `it holds "12 13\n" instead of a process's number`,
		"-4\n":    "instead of a process's number",
		fmt.Sprintln(unrelated.PID()): "it names process " + strconv.Itoa(unrelated.PID()) + ", but the daemon that wrote it is gone " +
			"(the number may belong to another process now); nothing was signalled: no daemon is running",
		"99999999\n":            "but the daemon that wrote it is gone",
		"9999999999999999999\n": "instead of a process's number",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := pidfile.Disk(nil).Find(path)
		require.ErrorContains(t, err, "PID file: "+path+": ")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := pidfile.Disk(nil).Find(filepath.Dir(path))
	require.ErrorContains(t, err, "regular file")
	_, err = pidfile.Disk(nil).Find(path + ".missing")
	require.EqualError(t, err, "PID file: "+path+".missing: there is none: no daemon is running")
}

func TestWaitReturnsBeforeTheProcessIsReaped(t *testing.T) {
	// Nobody reaps the process before Wait has returned: a zombie has ended.
	path := pathIn(t)
	daemon := startOther(t)
	require.NoError(t, daemon.Lock(path))
	p, err := pidfile.Disk(nil).Find(path)
	require.NoError(t, err)
	returned := make(chan error, 2)
	for range cap(returned) {
		go func() { returned <- p.Wait(t.Context()) }()
	}
	require.NoError(t, p.Signal(syscall.SIGKILL))
	for range cap(returned) {
		select {
		case err := <-returned:
			require.NoError(t, err)
		case <-roletest.Within(t).Done():
			require.FailNow(t, "Wait has not returned")
		}
	}
	require.True(t, roletest.Gone(daemon.PID()))
	require.ErrorIs(t, p.Signal(syscall.SIGTERM), os.ErrProcessDone)
}

func TestOnlyTheHolderPassesALockOn(t *testing.T) {
	m := pidfile.Disk(nil)
	path := pathIn(t)
	daemon := startOther(t)
	require.NoError(t, daemon.Lock(path))
	other, err := os.Open(path)
	require.NoError(t, err)
	defer other.Close()
	fd, err := unix.Dup(int(other.Fd()))
	require.NoError(t, err)
	for _, handoff := range []string{"", "garbage", "fd:x", "fd:-1", "fd:0", "fd:99999", "fd:" + strconv.Itoa(fd)} {
		_, err := m.Inherit(path, handoff)
		require.ErrorContains(t, err, "PID file: inherit "+path+": ", handoff)
	}
}

func TestRestoreRepairsWhatWasOverwritten(t *testing.T) {
	path := pathIn(t)
	file, err := pidfile.Disk(nil).Lock(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("something longer than a number\n"), 0o644))
	did, err := file.Restore()
	require.NoError(t, err)
	require.True(t, did)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintln(os.Getpid()), string(text))
	require.NoError(t, file.Remove())
}

func TestASharedFolderIsNotTrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to own a file as somebody else")
	}
	const somebody = 4242
	shared := filepath.Join(t.TempDir(), "shared")
	require.NoError(t, os.Mkdir(shared, 0o755))
	require.NoError(t, os.Chmod(shared, 0o777|os.ModeSticky))
	path := filepath.Join(shared, "d.pid")
	require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644))
	require.NoError(t, os.Chown(path, somebody, somebody))
	m := pidfile.Disk(nil)
	_, err := m.Lock(path)
	require.ErrorContains(t, err, "it belongs to user 4242")
	require.ErrorContains(t, m.Check(path), "it belongs to user 4242")

	// Somebody locks a file of their own for a process that is not theirs.
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
	_, err = m.Find(path)
	require.ErrorContains(t, err, "which is not the daemon that has locked it; nothing was signalled")
	require.NoError(t, os.Chown(path, 0, 0))
	_, err = m.Find(path)
	require.NoError(t, err)
}
