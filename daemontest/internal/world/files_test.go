package world

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A machine's /dev/shm may be missing, or not be for this user: TMPDIR will do.
// Where neither can be written to, no folder is made anywhere.
func TestTheTemporaryFolderIsWhereItCanBe(t *testing.T) {
	defer func(dir string) { inMemory = dir }(inMemory)
	missing := filepath.Join(t.TempDir(), "missing")
	inMemory = missing
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Setenv("TMPDIR", dir)
	base, err := temporary()
	require.NoError(t, err)
	second, err := temporary()
	require.NoError(t, err)
	folder := filepath.Dir(base)
	require.Equal(t, dir, filepath.Dir(folder))
	require.Equal(t, folder, filepath.Dir(second))
	require.DirExists(t, base+"/root"+Dir)
	removeTemporary(base)
	require.NoDirExists(t, base)
	removeTemporary(base)
	require.DirExists(t, second)
	require.Nil(t, lockFolder(folder), "another test binary could take it for one that was left behind")
	removeTemporary(second)
	require.NoDirExists(t, folder)

	t.Setenv("TMPDIR", missing)
	base, err = temporary()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, base)
	require.NoDirExists(t, Dir)
}

// What a test binary left behind that was killed is deleted, and nothing else.
func TestFoldersThatWereLeftBehindAreDeleted(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * youngFolder)
	folder := func(name string, age time.Time) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(path+"/root/world", 0o755))
		require.NoError(t, os.Chtimes(path, age, age))
		return path
	}
	left, alive := folder("evertick-left", old), folder("evertick-alive", old)
	young, other := folder("evertick-young", time.Now()), folder("other", old)
	held := lockFolder(alive)
	require.NotNil(t, held)
	defer held.Close()
	sweep(dir)
	require.NoDirExists(t, left)
	for _, path := range []string{alive, young, other} {
		require.DirExists(t, path)
	}
}

// The paths of a program lead through its own link, also to what is not in Dir.
func TestFilesHaveOneNameForAll(t *testing.T) {
	i := newIdle(t)
	for printed, name := range map[string]string{
		"/world/a": filepath.Join(i.g.dir, "a"), "/a": filepath.Join(i.g.dir, "../a"), "/var/log/a": filepath.Join(i.g.dir, "../var/log/a"),
	} {
		require.Equal(t, printed, i.w.Machine.Files.Plain(name))
		require.Equal(t, i.w.Machine.Files.real(printed), i.w.Machine.Files.real(name))
		require.Equal(t, name, i.g.path(name))
	}
}
