package world

import (
	"os"
	"path/filepath"
	"testing"

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
	require.Equal(t, dir, filepath.Dir(base))
	require.DirExists(t, base+"/root"+Dir)
	require.NoError(t, os.RemoveAll(base))

	t.Setenv("TMPDIR", missing)
	base, err = temporary()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, base)
	require.NoDirExists(t, Dir)
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
