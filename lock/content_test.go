package lock_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
)

// A file that no lock has written is somebody's: it keeps its text.
func TestAForeignFileIsNoLock(t *testing.T) {
	for _, text := range []string{
		"root:x:0:0:root:/root:/bin/bash\n", "4711\n", "{}", "[]", "null", `"token"`,
		`{"name":"my-app","version":"1.0.0"}`, "{\n  \"name\": \"my-app\"\n}", `{"name":` + strings.Repeat(" ", 9000),
		"\x00\x7fELF", `{"tokens":1}`, "# a comment\ntoken = 7\n",
	} {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := lock.File(path).Acquire(t.Context(), self())
		for _, err := range []error{err, lock.File(path).Check()} {
			require.ErrorContains(t, err, "lock: "+path+": it holds something else than a lock's details", "%.40q", text)
			assert.ErrorContains(t, err, ": name another path, or remove it")
			assert.NotErrorIs(t, err, lock.ErrHeld)
			assert.NotContains(t, err.Error(), "\n")
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
}

// What a crash or a full disk can have left of a lock file is one.
func TestWhatIsLeftOfALockFileIsOne(t *testing.T) {
	for _, text := range []string{"", "\n", "\x00\x00\x00\x00", "{", "{\"na", staleDetails("gone"), staleDetails("gone")[:40], `{"token":7}` + "\n", `{"token":7}` + "\nrest"} {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.NoError(t, lock.File(path).Check(), "%q", text)
		lease, err := lock.File(path).Acquire(t.Context(), self())
		require.NoError(t, err, "%q", text)
		require.NoError(t, lease.Release(t.Context()))
	}
}
