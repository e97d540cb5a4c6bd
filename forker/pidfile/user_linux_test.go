package pidfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/internal/nobody"
)

func TestAFolderThatMayNotBeWritten(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "pidfile")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o555))
	path := filepath.Join(dir, "d.pid")
	var lock, check error
	nobody.Run(t, func() {
		_, lock = pidfile.Disk(nil).Lock(path)
		check = pidfile.Disk(nil).Check(path)
	})
	require.ErrorContains(t, lock, "permission denied: let user")
	require.ErrorContains(t, check, "permission denied: let user")
}
