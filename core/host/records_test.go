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

func TestRecordsAreOverwritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	records := host.Disk()
	for _, content := range []string{"one\n", strings.Repeat("x", 2000) + "\n", "two\n"} {
		if err := records.Overwrite(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := records.Read(path)
		if err != nil || strings.TrimSpace(string(got)) != strings.TrimSpace(content) {
			t.Errorf("%.20q: %.20q, %v", content, got, err)
		}
		tail, err := records.Tail(path, 3)
		if want := content[len(content)-3:]; err != nil || string(tail) != want {
			t.Errorf("the tail is %q, %v; want %q", tail, err, want)
		}
	}
	if all, err := records.Tail(path, 1<<20); err != nil || len(all) != 1024 {
		t.Errorf("%d bytes, %v", len(all), err)
	}
	for range 2 {
		if err := records.Remove(path); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
