package lock_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
)

// A file that cannot be locked, or that somebody may have put there, is
// refused by Check and by Acquire, in one line, and nothing is touched.
func TestFileRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		says string
	}{
		{"no path", func(*testing.T) string { return "" }, "its path is empty"},
		{"a folder", func(t *testing.T) string { return t.TempDir() }, "it is a folder"},
		{"a missing folder", func(t *testing.T) string { return t.TempDir() + "/missing/x.lock" }, "create the folder"},
		{"a device", func(*testing.T) string { return "/dev/null" }, "it is a device"},
		{"a link in a shared folder", func(t *testing.T) string {
			path := sharedFolder(t) + "/x.lock"
			require.NoError(t, os.Symlink(t.TempDir()+"/victim", path))
			return path
		}, "it is a symbolic link"},
		{"a foreign file in a shared folder", func(t *testing.T) string {
			if os.Geteuid() != 0 {
				t.Skip("needs root, to give the file away")
			}
			path := writeTo(t, sharedFolder(t)+"/x.lock", staleDetails("gone"))
			require.NoError(t, os.Chown(path, 65534, 65534))
			return path
		}, "it belongs to user 65534"},
		{"under /proc", onLinux("/proc/x.lock"), "part of the kernel (proc)"},
		{"under /sys", onLinux("/sys/x.lock"), "part of the kernel (sysfs)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path(t)
			check := lock.File(path).Check()
			_, acquire := lock.File(path).Acquire(t.Context(), self())
			for _, err := range []error{check, acquire} {
				require.ErrorContains(t, err, c.says)
				assert.NotErrorIs(t, err, lock.ErrHeld)
				assert.NotContains(t, err.Error(), "\n")
				assert.True(t, strings.HasPrefix(err.Error(), "lock: open "), "%v", err)
				assert.NotContains(t, err.Error(), "lock: lock: ")
			}
		})
	}
}

func sharedFolder(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	return dir
}

func onLinux(path string) func(*testing.T) string {
	return func(t *testing.T) string {
		if runtime.GOOS != "linux" {
			t.Skip("these file systems are Linux's")
		}
		return path
	}
}

// In a shared folder the lock works as anywhere else.
func TestFileInASharedFolder(t *testing.T) {
	path := sharedFolder(t) + "/x.lock"
	lease := mustTake(t, path)
	_, err := lock.File(path).Acquire(t.Context(), self())
	require.ErrorIs(t, err, lock.ErrHeld)
	require.NoError(t, lease.Renew(t.Context()))
}

// In a private folder a symbolic link leads to the lock.
func TestFileByALink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "x.lock")
	require.NoError(t, os.Symlink("real.lock", path))
	lease := mustTake(t, path)
	require.NoError(t, lease.Renew(t.Context()))
	_, err := lock.File(filepath.Join(dir, "real.lock")).Acquire(t.Context(), self())
	require.ErrorIs(t, err, lock.ErrHeld)
}

// Check leaves no file behind, and a held lock is none of its business.
func TestFileCheckTouchesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	require.NoError(t, lock.File(path).Check())
	assert.NoFileExists(t, path)
	mustTake(t, path)
	require.NoError(t, lock.File(path).Check())
}
