package pidfile_test

import (
	"net"
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

// Whatever a daemon sends arrives as it was sent, up to the limit; nothing at all is
// passed over. Beside it somebody else may have put anything: it stays there, unless
// it is a dead process's socket, and hinders nobody.
func FuzzReply(f *testing.F) {
	f.Add([]byte("dump ok Dump of d\nState: sleeping"), "1.0", byte(0))
	f.Add([]byte(""), "x", byte(1))
	f.Add([]byte("\x00\x1b[2J\xff"), "4194305.0", byte(2))
	f.Add([]byte(strings.Repeat("x", 40_000)), "-1.0", byte(3))
	f.Add([]byte("restart refused "), "99999999999999999999.0", byte(4))
	f.Fuzz(func(t *testing.T, sent []byte, name string, kind byte) {
		dir := shortDir(t)
		pidFile := filepath.Join(dir, "d.pid")
		other := pidFile + ".reply." + name
		placed := len(name) < 40 && !strings.ContainsAny(name, "/\x00") && name != "" && place(other, kind)
		replies := pidfile.Sockets(nil)
		reply, err := replies.Listen(pidFile, os.Getpid())
		require.NoError(t, err)
		if placed && kind%4 < 3 {
			_, err := os.Lstat(other)
			require.NoError(t, err)
		}
		replies.Give(pidFile, string(sent))
		replies.Give(pidFile, "the next one")
		for _, want := range []string{string(sent[:min(len(sent), 32<<10)]), "the next one"} {
			if want == "" {
				continue
			}
			got, err := reply.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		require.NoError(t, reply.Close())
	})
}

// place puts something under a path, and reports whether it is there.
func place(path string, kind byte) bool {
	switch kind % 4 {
	case 0:
		return os.WriteFile(path, []byte("mine"), 0o600) == nil
	case 1:
		return os.Symlink("nowhere", path) == nil
	case 2:
		return os.Mkdir(path, 0o700) == nil
	default: // a socket on which nobody listens
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return false
		}
		l.SetUnlinkOnClose(false)
		return l.Close() == nil
	}
}
