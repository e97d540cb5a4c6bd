package safefile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/internal/nobody"
	"github.com/evertick/evertick/internal/safefile"
)

// The kernel's own file systems let root pass every permission check and then
// create nothing.
func TestKernelFileSystems(t *testing.T) {
	for _, path := range []string{
		"/proc/x.lock", "/proc/self/x", "/proc/self/status", "/sys/x.lock", "/sys/kernel/x", "/dev/pts/x",
		"/dev/stdout", "/dev/stderr", "/dev/fd/1",
	} {
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			continue
		}
		t.Run(path, func(t *testing.T) {
			_, err := safefile.Open(path, create, 0o644)
			for _, err := range []error{err, safefile.Check(path, create)} {
				require.ErrorContains(t, err, "open "+path+": ")
				assert.ErrorContains(t, err, "is a part of the kernel")
				assert.ErrorContains(t, err, "/run or /var/log")
			}
		})
	}
}

// An ordinary user is told what he may not do, and who he is.
func TestOrdinaryUser(t *testing.T) {
	asRoot(t)
	root, err := os.MkdirTemp("/tmp", "safefile")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o755))
	for dir, mode := range map[string]os.FileMode{"/locked": 0o700, "/own": 0o755, "/blind": 0o711} {
		require.NoError(t, os.Mkdir(root+dir, mode))
	}
	giveAway(t, root+"/own")
	write(t, root+"/own/roots", "")
	giveAway(t, write(t, root+"/own/mine", ""))
	require.NoError(t, os.Chmod(write(t, root+"/roots", ""), 0o644))
	giveAway(t, write(t, root+"/blind/mine", ""))

	for _, c := range []struct{ path, says string }{
		{"/new", "permission denied: let user 65534 write to the file and its folder"},
		{"/roots", "permission denied: let user 65534 write"},
		{"/locked/x", "permission denied: let user 65534"},
		{"/own/new", ""},
		{"/own/mine", ""},
		{"/blind/mine", ""},
		{"/own/roots", "permission denied"},
	} {
		t.Run(c.path, func(t *testing.T) {
			nobody.Run(t, func() {
				check := safefile.Check(root+c.path, create)
				f, err := safefile.Open(root+c.path, create, 0o644)
				if err == nil {
					_ = f.Close()
				}
				if c.says == "" {
					assert.NoError(t, check)
					assert.NoError(t, err)
					return
				}
				assert.ErrorContains(t, check, c.says)
				assert.ErrorContains(t, err, c.says)
			})
		})
	}
}
