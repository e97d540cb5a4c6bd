package forker_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker"
)

func init() {
	roles["full"] = func(args []string) {
		must(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1, Max: 1}))
		_, err := forker.System().ClaimPID(args[0])
		fmt.Print(err)
	}
	roles["umask"] = func(args []string) {
		syscall.Umask(0)
		_, err := forker.System().ClaimPID(args[0])
		must(err)
		info, err := os.Stat(args[0])
		must(err)
		fmt.Print(info.Mode())
	}
}

// onlyFile shows that nothing but the PID file was left in its folder.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, filepath.Base(path), entries[0].Name())
}

func TestOfManyClaimantsOneWins(t *testing.T) {
	const claimants = 20
	parties := make([]*realParty, claimants)
	for i := range parties {
		parties[i] = startParty(t)
	}
	dead := startParty(t)
	dead.Kill()
	for round, before := range []string{"", "", "missing", "missing", "garbage", "stale", "stale"} {
		path := pidIn(t)
		switch before {
		case "missing":
		case "stale":
			require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, dead.PID()), 0o644))
		default:
			require.NoError(t, os.WriteFile(path, []byte(before), 0o644))
		}
		errs := make(chan error, claimants)
		for _, p := range parties {
			go func() { errs <- p.Claim(path) }()
		}
		var claimed *forker.ClaimedError
		winners := 0
		var refused []forker.ClaimedError
		for range claimants {
			switch err := <-errs; {
			case err == nil:
				winners++
			case errors.As(err, &claimed):
				refused = append(refused, *claimed)
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
		for _, p := range parties {
			if fmt.Sprintln(p.PID()) == string(text) {
				require.NoError(t, p.Remove())
			}
		}
		require.NoFileExists(t, path)
	}
}

func TestLookingHindersNoClaim(t *testing.T) {
	path := pidIn(t)
	require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = forker.System().Find(path)
			}
		}
	}()
	for range 200 {
		require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644))
		file, err := forker.System().ClaimPID(path)
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
		m := forker.System()
		_, claimErr := m.ClaimPID(path)
		for _, err := range []error{claimErr, m.CheckPID(path)} {
			require.ErrorContains(t, err, want, name)
			require.ErrorContains(t, err, path)
			require.Equal(t, 1, strings.Count(err.Error(), "forker: "))
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

func TestAFullDiskLeavesNothingBehind(t *testing.T) {
	// A limit of one byte to a file's size is as good as a full disk.
	path := pidIn(t)
	out, err := command("full", path).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "forker: claim PID file "+path+": ")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAPIDFileIsNeverMoreThanReadableToOthers(t *testing.T) {
	out, err := command("umask", pidIn(t)).Output()
	require.NoError(t, err)
	require.Equal(t, "-rw-r--r--", string(out))
}

func TestFindRefusesANumberThatDidNotClaim(t *testing.T) {
	path := pidIn(t)
	daemon, stranger := startParty(t), startParty(t)
	require.NoError(t, daemon.Claim(path))
	// Somebody writes a living stranger's number into the claimed file.
	require.NoError(t, os.WriteFile(path, fmt.Appendln(nil, stranger.PID()), 0o644))
	_, err := forker.System().Find(path)
	require.ErrorContains(t, err, "which is not the daemon that has claimed it; nothing was signalled")
}

func TestFindExplainsItself(t *testing.T) {
	path := pidIn(t)
	stranger := startParty(t)
	for text, want := range map[string]string{
		"":        "it is empty",
		"12 13\n": `it holds "12 13\n" instead of a process's number`,
		"-4\n":    "instead of a process's number",
		fmt.Sprintln(stranger.PID()): "it names process " + strconv.Itoa(stranger.PID()) + ", but the daemon that wrote it is gone " +
			"(the number may belong to another process now); nothing was signalled: no daemon is running",
		"99999999\n":            "but the daemon that wrote it is gone",
		"9999999999999999999\n": "instead of a process's number",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := forker.System().Find(path)
		require.ErrorContains(t, err, "forker: PID file "+path+": ")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := forker.System().Find(filepath.Dir(path))
	require.ErrorContains(t, err, "regular file")
	_, err = forker.System().Find(path + ".missing")
	require.EqualError(t, err, "forker: PID file "+path+".missing: there is none: no daemon is running")
}

func TestTheEndOfAStrangerIsToldAtOnce(t *testing.T) {
	// Nobody reaps the process before Wait has returned: a zombie has ended.
	path := pidIn(t)
	daemon := startParty(t)
	require.NoError(t, daemon.Claim(path))
	p, err := forker.System().Find(path)
	require.NoError(t, err)
	told := make(chan time.Time, 2)
	for range cap(told) {
		go func() {
			if p.Wait(t.Context()) == nil {
				told <- time.Now()
			}
		}()
	}
	killed := time.Now()
	require.NoError(t, p.Signal(syscall.SIGKILL))
	for range cap(told) {
		select {
		case at := <-told:
			require.Less(t, at.Sub(killed), time.Second) // some 1 ms on an idle machine
		case <-within(t).Done():
			require.FailNow(t, "nothing was told")
		}
	}
	require.True(t, gone(daemon.PID()))
	require.ErrorIs(t, p.Signal(syscall.SIGTERM), os.ErrProcessDone)
}

func TestAClaimIsPassedOnOnlyByItsHolder(t *testing.T) {
	m := forker.System()
	path := pidIn(t)
	daemon := startParty(t)
	require.NoError(t, daemon.Claim(path))
	other, err := os.Open(path)
	require.NoError(t, err)
	defer other.Close()
	fd, err := unix.Dup(int(other.Fd()))
	require.NoError(t, err)
	for _, baton := range []string{"", "garbage", "fd:x", "fd:-1", "fd:0", "fd:99999", "fd:" + strconv.Itoa(fd)} {
		_, err := m.AdoptPID(path, baton)
		require.ErrorContains(t, err, "forker: take over PID file "+path+": ", baton)
	}
}

func TestRestoreRepairsWhatWasOverwritten(t *testing.T) {
	path := pidIn(t)
	file, err := forker.System().ClaimPID(path)
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
	m := forker.System()
	_, err := m.ClaimPID(path)
	require.ErrorContains(t, err, "it belongs to user 4242")
	require.ErrorContains(t, m.CheckPID(path), "it belongs to user 4242")

	// Somebody claims a file of his own for a process that is not his.
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
	_, err = m.Find(path)
	require.ErrorContains(t, err, "which is not the daemon that has claimed it; nothing was signalled")
	require.NoError(t, os.Chown(path, 0, 0))
	_, err = m.Find(path)
	require.NoError(t, err)
}
