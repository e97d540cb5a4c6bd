package forker_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/internal/nobody"
)

func TestAFolderThatMayNotBeWritten(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "forker")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o555))
	path := filepath.Join(dir, "d.pid")
	var claim, check error
	nobody.Run(t, func() {
		_, claim = forker.System().ClaimPID(path)
		check = forker.System().CheckPID(path)
	})
	require.ErrorContains(t, claim, "permission denied: let user")
	require.ErrorContains(t, check, "permission denied: let user")
}
