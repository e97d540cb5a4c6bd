package host_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/core/host"
)

func TestRecordsAreWhole(t *testing.T) {
	dir := t.TempDir()
	disk, path := host.Disk(), filepath.Join(dir, "record")
	_, err := disk.Read(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, disk.Check(path))
	require.NoFileExists(t, path)

	require.NoError(t, os.WriteFile(path+".new", []byte("what a crash has left, and longer"), 0o644))
	require.NoError(t, disk.Replace(path, []byte("one")))
	require.NoError(t, disk.Replace(path, []byte("two")))
	content, err := disk.Read(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(content))
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{path}, files)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode())
}

// What cannot be replaced stays as it is, and is refused beforehand.
func TestRecordsRefuse(t *testing.T) {
	dir := t.TempDir()
	disk := host.Disk()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	for _, path := range []string{filepath.Join(dir, "folder"), filepath.Join(dir, "no", "record"), "/dev/null", ""} {
		require.Error(t, disk.Check(path), path)
		require.Error(t, disk.Replace(path, []byte("x")), path)
		_, err := disk.Read(path)
		require.Error(t, err, path)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "long"), []byte(strings.Repeat("x", 1<<20+1)), 0o644))
	_, err := disk.Read(filepath.Join(dir, "long"))
	require.ErrorContains(t, err, "is longer than 1048576 bytes")

	path := filepath.Join(dir, "record")
	require.NoError(t, disk.Replace(path, []byte("old")))
	require.NoError(t, os.Mkdir(path+".new", 0o755))
	require.Error(t, disk.Replace(path, []byte("new")))
	content, err := disk.Read(path)
	require.NoError(t, errors.Join(err, os.Remove(path+".new")))
	require.Equal(t, "old", string(content))
}
