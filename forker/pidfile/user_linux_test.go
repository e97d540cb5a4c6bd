package pidfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/internal/nobody"
)

func TestAFolderThatMayNotBeWritten(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "pidfile")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o555))
	path := filepath.Join(dir, "d.pid")
	var lock, check error
	nobody.Run(t, func() {
		_, lock = pidfile.Disk(nil).Lock(path)
		check = pidfile.Disk(nil).Check(path)
	})
	require.ErrorContains(t, lock, "permission denied: let user")
	require.ErrorContains(t, check, "permission denied: let user")
}

// The socket on which root waits for a reply is the daemon's user's, who could
// not write to root's. In a folder that is closed to that user it is root's.
func TestRootListensForTheDaemonsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to own a file as somebody else")
	}
	const user = 4242
	for _, owner := range []int{user, 0} {
		dir, err := os.MkdirTemp("/tmp", "pidfile")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		require.NoError(t, os.Chmod(dir, 0o755))
		path := filepath.Join(dir, "d.pid")
		require.NoError(t, os.WriteFile(path, []byte("1\n"), 0o644))
		require.NoError(t, os.Chown(path, user, user))
		require.NoError(t, os.Chown(dir, owner, owner))
		reply, err := pidfile.Sockets(nil).Listen(path, os.Getpid())
		require.NoError(t, err)
		socket, err := filepath.Glob(path + ".reply.*")
		require.NoError(t, err)
		require.Len(t, socket, 1)
		info, err := os.Stat(socket[0])
		require.NoError(t, err)
		require.EqualValues(t, owner, info.Sys().(*syscall.Stat_t).Uid)
		pidfile.Sockets(nil).Give(path, "done")
		text, err := reply.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "done", text)
		require.NoError(t, reply.Close())
		created := filepath.Join(dir, "another") // this thread is root's again
		require.NoError(t, os.WriteFile(created, nil, 0o644))
		info, err = os.Stat(created)
		require.NoError(t, err)
		require.EqualValues(t, 0, info.Sys().(*syscall.Stat_t).Uid)
	}
}
