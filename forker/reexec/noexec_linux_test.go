package reexec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/reexec"
)

// A program that may be executed, on a file system from which nothing may, needs
// another remedy than chmod.
func TestTryTellsANoexecMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
	dir := t.TempDir()
	require.NoError(t, unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, "size=1m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	path := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
	require.EqualError(t, try(t, reexec.Program{Path: path, Dir: "/"}), "try "+path+
		": its file system is mounted noexec: mount it without, or move the file to another one: permission denied")
	require.NoError(t, os.Chmod(path, 0o644))
	require.ErrorContains(t, try(t, reexec.Program{Path: path, Dir: "/"}), "chmod +x?")
}
