package pidfile_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/pidfile"
)

// Whatever a file holds, it is locked as a PID file or refused; a refused one keeps
// its text, and none names a daemon that has not locked it.
func FuzzPIDFile(f *testing.F) {
	for _, text := range []string{"", "\n", "1\n", "1", "4711", "4194305\n", "-1\n", "0\n", "+5\n", "12 13\n", "99999999999999999999\n", "1\n1\n", "\x00", "root:x:0:0\n", "１\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "d.pid")
		require.NoError(t, os.WriteFile(path, text, 0o644))
		files := pidfile.Disk(nil)
		_, err := files.Find(path)
		require.Error(t, err)
		removed, err := files.Discard(path, 1)
		require.NoError(t, err)
		number, numberErr := strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
		require.Equal(t, numberErr == nil && number == 1, removed)
		if removed {
			return
		}
		check := files.Check(path)
		file, err := files.Lock(path)
		require.Equal(t, check == nil, err == nil)
		got, readErr := os.ReadFile(path)
		require.NoError(t, readErr)
		if err != nil {
			require.Equal(t, string(text), string(got))
			return
		}
		require.GreaterOrEqual(t, file.Former(), 0)
		require.NoError(t, file.Remove())
	})
}
