package lock_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
)

// Whatever a file holds, it is taken as a lock, with a token that can grow, or
// refused; a refused one keeps its text. What is read of it forges no log line.
func FuzzLockFile(f *testing.F) {
	for _, text := range []string{
		"", "\x00\x00", "{", `{"token":7}`, `{"token":-1}`, `{"token":1e99}`, `{"token":18446744073709551615}`, `{"name":"a","pi`,
		`{"name":"my-app","version":"1"}`, staleDetails("gone"), staleDetails("gone") + "rest", "root:x:0:0\n",
		`{"name":"a\nb","pid":1,"host":"\u0007","since":"2026-01-02T03:04:05Z","token":5}`, `{"pid":9999999999999999999999,"token":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x.lock")
		require.NoError(t, os.WriteFile(path, text, 0o644))
		l := lock.File(path)
		if err := l.Look(t.Context()); err != nil {
			require.NotContains(t, err.Error(), "\n")
		}
		check := l.Check()
		lease, err := l.Acquire(t.Context(), self())
		require.Equal(t, check == nil, err == nil)
		if err != nil {
			require.False(t, strings.Contains(err.Error(), "\n"))
			got, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			require.Equal(t, string(text), string(got))
			return
		}
		require.Positive(t, lease.Token())
		require.NoError(t, lease.Release(t.Context()))
		next, err := l.Acquire(t.Context(), self())
		require.NoError(t, err)
		require.Greater(t, next.Token(), lease.Token())
		require.NoError(t, next.Release(t.Context()))
	})
}
