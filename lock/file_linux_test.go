package lock_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/lock"
)

// smallDisk is a file system of two pages.
func smallDisk(t *testing.T) string {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=8k,mode=755"); err != nil {
		t.Skipf("cannot mount a file system of its own: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// On a full disk the lock cannot say who holds it, and is held all the same,
// with a token that a restart keeps.
func TestFileOnAFullDisk(t *testing.T) {
	dir := smallDisk(t)
	require.ErrorIs(t, os.WriteFile(dir+"/filler", make([]byte, 1<<20), 0o644), unix.ENOSPC)

	path := filepath.Join(dir, "x.lock")
	lease := mustTake(t, path)
	assert.NotZero(t, lease.Token())
	_, err := lock.File(path).Acquire(t.Context(), self())
	require.ErrorIs(t, err, lock.ErrHeld)
	require.ErrorContains(t, err, "its owner has left no details")
	require.NoError(t, lease.Renew(t.Context()))

	h, err := lease.Handoff()
	require.NoError(t, err)
	next, err := lock.File(path).Inherit(t.Context(), self(), execFile(t, h).Value)
	require.NoError(t, err)
	assert.Equal(t, lease.Token(), next.Token())

	require.NoError(t, os.Remove(dir+"/filler"))
	require.NoError(t, next.Renew(t.Context()))
	assert.Equal(t, os.Getpid(), content(t, path).PID)
	require.NoError(t, next.Release(t.Context()))
}

// A disk that was made read-only is told by Check, to root as well.
func TestFileOnAReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "x.lock")
	writeTo(t, path, "")
	require.NoError(t, unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	for _, path := range []string{path, filepath.Join(dir, "new.lock")} {
		_, err := lock.File(path).Acquire(t.Context(), self())
		for _, err := range []error{err, lock.File(path).Check()} {
			require.ErrorIs(t, err, unix.EROFS)
			assert.EqualError(t, err, fmt.Sprintf(
				"lock: open %s: read-only file system: name a path on a file system that can be written to", path))
		}
	}
}

// The lock of a process that was killed is seen to be free, although the file still
// names it, and its parent has not taken note yet.
func TestFileWaitSeesADeadHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	p := start(t)
	require.Contains(t, p.ask(t, "acquire %s 0", path), "won ")
	require.NoError(t, p.cmd.Process.Kill())
	require.NoError(t, unix.Waitid(unix.P_PID, p.pid(), nil, unix.WEXITED|unix.WNOWAIT, nil))
	synctest.Test(t, func(t *testing.T) { assert.Zero(t, waited(t, path)) })
	mustTake(t, path)
}
