// Package pidfiletest is the conformance suite of package pidfile: what every
// [pidfile.Files] and every [pidfile.Replies] must do, be it the real one or a
// fake.
//
//	func TestMyFilesConform(t *testing.T) {
//		pidfiletest.Run(t, pidfiletest.Subject{
//			New: func(t *testing.T) pidfiletest.Machine { … },
//			In:  synctest.Test,
//		})
//	}
package pidfiletest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/pidfile"
)

// guard is the longest wait for something that must happen.
const guard = time.Minute

// Subject is the PID files to be tested.
type Subject struct {
	// New returns a process that is tested, and the machine around it. It is
	// called once for each case.
	New func(t *testing.T) Machine

	// In runs each case, as synctest.Test does for a machine that belongs into
	// a bubble. Nil runs it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

// Machine is a process that is tested, and the machine around it.
type Machine struct {
	// Files are the PID files as the process sees them, and PID its number.
	Files pidfile.Files
	PID   int

	// Start starts another process on the same machine. It is gone when the
	// test has ended.
	Start func() Process

	// Dir is a folder on that machine, empty and writable; absolute.
	Dir string

	// Disk is the machine's disk.
	Disk Disk
}

// Process is another process than the one that is tested.
type Process interface {
	// PID returns its number.
	PID() int

	// Lock makes it lock a PID file, and keep that.
	Lock(path string) error

	// Remove makes it remove the PID file.
	Remove() error

	// Kill ends it as SIGKILL does. It is gone when Kill returns.
	Kill()
}

// Disk is how a case sees the machine's files.
type Disk interface {
	// ReadFile returns a file's content. A missing one is os.ErrNotExist.
	ReadFile(path string) ([]byte, error)

	// WriteFile creates or overwrites a file.
	WriteFile(path string, data []byte) error

	// Remove deletes a file.
	Remove(path string) error
}

// Run tests the subject, each promise of pidfile.Files in a subtest of its own.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, m Machine)
	}{
		{"Lock writes the number and a newline", lockWrites},
		{"a living process's lock refuses others", lockRefuses},
		{"a removed file is free", removedIsFree},
		{"a dead process's file is taken over", deadIsTakenOver},
		{"a stale or empty file is taken over", staleIsTakenOver},
		{"a file that is no PID file is refused and kept", foreignIsKept},
		{"what a dead process has left can be discarded", deadIsDiscarded},
		{"Restore repairs a removed file", restoreRepairs},
		{"Restore leaves a replaced file alone", restoreLeavesReplaced},
		{"Check touches nothing", checkTouchesNothing},
		{"Find returns a living daemon", findLiving},
		{"Find refuses a file without a daemon behind it", findRefuses},
		{"Process returns a living process", processLives},
		{"Wait returns at the end of a process", waitReturnsAtTheEnd},
	} {
		run(t, c.name, s.In, func(t *testing.T) { c.test(t, s.New(t)) })
	}
}

// run runs a case where the subject wants it.
func run(t *testing.T, name string, in func(t *testing.T, test func(t *testing.T)), test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		if in == nil {
			test(t)
			return
		}
		in(t, test)
	})
}

func path(m Machine) string { return filepath.Join(m.Dir, "d.pid") }

func content(t *testing.T, m Machine) string {
	t.Helper()
	text, err := m.Disk.ReadFile(path(m))
	require.NoError(t, err)
	return string(text)
}

func lock(t *testing.T, m Machine) pidfile.File {
	t.Helper()
	file, err := m.Files.Lock(path(m))
	require.NoError(t, err)
	return file
}

func refuses(t *testing.T, m Machine, owner int, err error) {
	t.Helper()
	var locked *pidfile.LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, pidfile.LockedError{Path: path(m), PID: owner}, *locked)
}

func lockWrites(t *testing.T, m Machine) {
	file := lock(t, m)
	require.Equal(t, fmt.Sprintf("%d\n", m.PID), content(t, m))
	require.NoError(t, file.Remove())
}

func lockRefuses(t *testing.T, m Machine) {
	file, other := lock(t, m), m.Start()
	refuses(t, m, m.PID, other.Lock(path(m)))
	_, err := m.Files.Lock(path(m))
	refuses(t, m, m.PID, err)
	require.Equal(t, fmt.Sprintf("%d\n", m.PID), content(t, m))
	require.NoError(t, file.Remove())

	require.NoError(t, other.Lock(path(m)))
	_, err = m.Files.Lock(path(m))
	refuses(t, m, other.PID(), err)
	require.NoError(t, file.Remove(), "a second Remove does nothing")
	require.Equal(t, fmt.Sprintf("%d\n", other.PID()), content(t, m))
}

func removedIsFree(t *testing.T, m Machine) {
	require.NoError(t, lock(t, m).Remove())
	_, err := m.Disk.ReadFile(path(m))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, lock(t, m).Remove())
}

func deadIsTakenOver(t *testing.T, m Machine) {
	other := m.Start()
	require.NoError(t, other.Lock(path(m)))
	other.Kill()
	require.Equal(t, fmt.Sprintf("%d\n", other.PID()), content(t, m))
	file := lock(t, m)
	require.Equal(t, fmt.Sprintf("%d\n", m.PID), content(t, m))
	require.Equal(t, other.PID(), file.Former())
	require.NoError(t, file.Remove())
	file = lock(t, m)
	require.Zero(t, file.Former(), "a clean end leaves nothing")
	require.NoError(t, file.Remove())
}

func deadIsDiscarded(t *testing.T, m Machine) {
	discard := func(pid int) bool {
		removed, err := m.Files.Discard(path(m), pid)
		require.NoError(t, err)
		return removed
	}
	other := m.Start()
	require.False(t, discard(other.PID()), "there is none")
	require.NoError(t, other.Lock(path(m)))
	require.False(t, discard(other.PID()), "its process lives")
	other.Kill()
	require.False(t, discard(other.PID()+1), "it is another's")
	require.Equal(t, fmt.Sprintf("%d\n", other.PID()), content(t, m))
	require.True(t, discard(other.PID()))
	require.False(t, discard(other.PID()), "it is gone")
	require.NoError(t, m.Disk.WriteFile(path(m), []byte("mine\n")))
	require.False(t, discard(other.PID()), "it is no PID file")
	require.Equal(t, "mine\n", content(t, m))
}

func foreignIsKept(t *testing.T, m Machine) {
	for _, text := range []string{"buy milk\n", "-1\n", "12 13\n"} {
		require.NoError(t, m.Disk.WriteFile(path(m), []byte(text)))
		_, err := m.Files.Lock(path(m))
		for _, err := range []error{err, m.Files.Check(path(m))} {
			require.ErrorContains(t, err, "it holds something else than a process's number")
			require.ErrorContains(t, err, path(m))
		}
		require.Equal(t, text, content(t, m))
	}
}

func staleIsTakenOver(t *testing.T, m Machine) {
	for _, text := range []string{"", fmt.Sprint(m.Start().PID()), fmt.Sprintln(m.Start().PID())} {
		require.NoError(t, m.Disk.WriteFile(path(m), []byte(text)))
		require.NoError(t, lock(t, m).Remove())
	}
}

func restoreRepairs(t *testing.T, m Machine) {
	file := lock(t, m)
	did, err := file.Restore()
	require.NoError(t, err)
	require.False(t, did, "nothing to restore")
	require.NoError(t, m.Disk.Remove(path(m)))
	did, err = file.Restore()
	require.NoError(t, err)
	require.True(t, did)
	require.Equal(t, fmt.Sprintf("%d\n", m.PID), content(t, m))
	refuses(t, m, m.PID, m.Start().Lock(path(m)))
	require.NoError(t, file.Remove())
	_, err = file.Restore()
	require.Error(t, err, "after Remove")
}

func restoreLeavesReplaced(t *testing.T, m Machine) {
	file := lock(t, m)
	require.NoError(t, m.Disk.Remove(path(m)))
	require.NoError(t, m.Disk.WriteFile(path(m), []byte("mine\n")))
	did, err := file.Restore()
	require.Error(t, err)
	require.False(t, did)
	require.NoError(t, file.Remove())
	require.Equal(t, "mine\n", content(t, m), "Remove leaves it, too")
}

func checkTouchesNothing(t *testing.T, m Machine) {
	require.NoError(t, m.Files.Check(path(m)))
	_, err := m.Disk.ReadFile(path(m))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, m.Start().Lock(path(m)))
	require.NoError(t, m.Files.Check(path(m)), "whether it is locked is no matter")
}

func findLiving(t *testing.T, m Machine) {
	other := m.Start()
	require.NoError(t, other.Lock(path(m)))
	p, err := m.Files.Find(path(m))
	require.NoError(t, err)
	require.Equal(t, other.PID(), p.PID())
	require.NoError(t, other.Remove())
	_, err = m.Files.Find(path(m))
	require.ErrorIs(t, err, pidfile.ErrNotRunning)
}

func findRefuses(t *testing.T, m Machine) {
	_, err := m.Files.Find(path(m))
	require.ErrorIs(t, err, pidfile.ErrNotRunning, "a missing file")
	other := m.Start()
	for _, text := range []string{"", "\n", "garbage", "-1\n", "0\n", "12 13\n", fmt.Sprintf("%d\n1\n", other.PID())} {
		require.NoError(t, m.Disk.WriteFile(path(m), []byte(text)))
		_, err := m.Files.Find(path(m))
		require.Error(t, err, "%q", text)
	}
	require.NoError(t, m.Disk.WriteFile(path(m), fmt.Appendln(nil, other.PID())))
	_, err = m.Files.Find(path(m))
	require.ErrorIs(t, err, pidfile.ErrNotRunning, "a living process that has not locked the file")
	require.NoError(t, other.Lock(path(m)))
	other.Kill()
	_, err = m.Files.Find(path(m))
	require.ErrorIs(t, err, pidfile.ErrNotRunning, "a dead process")
	var dead *pidfile.DeadError
	require.ErrorAs(t, err, &dead)
	require.Equal(t, other.PID(), dead.PID)
}

func processLives(t *testing.T, m Machine) {
	other := m.Start()
	p, err := m.Files.Process(other.PID())
	require.NoError(t, err)
	require.Equal(t, other.PID(), p.PID())
	require.NoError(t, p.Signal(syscall.Signal(0)))
	other.Kill()
	require.NoError(t, p.Wait(t.Context()))
	require.ErrorIs(t, p.Signal(syscall.Signal(0)), os.ErrProcessDone)
	_, err = m.Files.Process(other.PID())
	require.ErrorIs(t, err, os.ErrProcessDone)
}

func waitReturnsAtTheEnd(t *testing.T, m Machine) {
	other := m.Start()
	require.NoError(t, other.Lock(path(m)))
	p, err := m.Files.Find(path(m))
	require.NoError(t, err)

	cause := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(context.Background(), time.Millisecond, cause)
	defer cancel()
	require.Equal(t, cause, p.Wait(ctx))

	other.Kill()
	ctx, cancel = context.WithTimeout(context.Background(), guard)
	defer cancel()
	require.NoError(t, p.Wait(ctx))
	require.NoError(t, p.Wait(ctx), "and once more")
	require.ErrorIs(t, p.Signal(syscall.SIGTERM), os.ErrProcessDone)
}
