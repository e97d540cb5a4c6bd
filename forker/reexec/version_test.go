package reexec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/internal/roletest"
	"github.com/evertick/evertick/forker/reexec"
)

// A version is one of a file's: it stays as long as that, and changes with
// everything that may make it another program.
func TestVersion(t *testing.T) {
	system := reexec.System(nil)
	for name, change := range map[string]func(t *testing.T, path string){
		"another file in its place": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path+".new", []byte("text"), 0o755))
			require.NoError(t, os.Rename(path+".new", path))
		},
		"other text of the same length": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("TEXT"), 0o755))
		},
		"more text": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("texts"), 0o755))
		},
		"a link to another file": func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, path+".old"))
			require.NoError(t, os.WriteFile(path+".new", []byte("text"), 0o755))
			require.NoError(t, os.Symlink(path+".new", path))
		},
		"nothing": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "program")
			require.NoError(t, os.WriteFile(path, []byte("text"), 0o755))
			before := system.Version(path)
			require.NotEmpty(t, before)
			_, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.Link(path, path+".link"))
			require.NoError(t, os.Chmod(path, 0o700))
			require.Equal(t, before, system.Version(path))
			roletest.Eventually(t, "another version", func() bool { // some file systems count time in ticks
				change(t, path)
				return before != system.Version(path)
			})
			require.Equal(t, name == "nothing", system.Version(path) == "")
		})
	}
}

// A program that is not the tried one is not executed, and everything is as it was.
func TestExecRefusesAnotherVersion(t *testing.T) {
	system := reexec.System(nil)
	dir, err := os.Getwd()
	require.NoError(t, err)
	for _, tried := range []string{"another", system.Version("/bin/true")} {
		err := system.Exec(reexec.Program{Path: "/bin/false", Dir: "/", Version: tried})
		require.ErrorIs(t, err, reexec.ErrChanged)
		require.EqualError(t, err, "exec /bin/false: the file has changed since it was tried")
	}
	now, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, dir, now)
}
