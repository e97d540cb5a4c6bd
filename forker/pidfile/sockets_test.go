package pidfile_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/internal/nobody"
)

// replyPath is the path of a socket of this process.
func replyPath(path string, n int) string {
	return path + ".reply." + strconv.Itoa(os.Getpid()) + "." + strconv.Itoa(n)
}

// bind makes a socket that somebody listens on.
func bind(t *testing.T, path string) *net.UnixListener {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// What is there already is neither deleted nor overwritten, and hinders nobody.
func TestListenLeavesWhatIsThere(t *testing.T) {
	path := filepath.Join(shortDir(t), "d.pid")
	require.NoError(t, os.WriteFile(replyPath(path, 0), []byte("mine"), 0o644))
	require.NoError(t, os.Symlink("nowhere", replyPath(path, 1)))
	require.NoError(t, os.Mkdir(replyPath(path, 2), 0o755))
	bind(t, replyPath(path, 3))
	replies := pidfile.Sockets(nil)
	reply, err := replies.Listen(path, os.Getpid())
	require.NoError(t, err)
	require.FileExists(t, replyPath(path, 0))
	replies.Give(path, "ok")
	text, err := reply.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ok", text)
	require.NoError(t, reply.Close())
	mine, err := os.ReadFile(replyPath(path, 0))
	require.NoError(t, err)
	require.Equal(t, "mine", string(mine))
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Len(t, left, 4)
}

// A socket on which nobody listens any more is removed by the next who listens.
func TestListenRemovesWhatTheDeadHaveLeft(t *testing.T) {
	path := filepath.Join(shortDir(t), "d.pid")
	dead := startOther(t)
	dead.Kill()
	left := path + ".reply." + strconv.Itoa(dead.PID())
	require.NoError(t, bind(t, left+".0").Close())
	living := bind(t, left+".1") // in another container, where it has that number
	require.NoError(t, bind(t, path+".reply.1.0").Close())
	reply, err := pidfile.Sockets(nil).Listen(path, os.Getpid())
	require.NoError(t, err)
	_, err = os.Lstat(left + ".0")
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, path := range []string{left + ".1", path + ".reply.1.0"} { // of living ones
		_, err = os.Lstat(path)
		require.NoError(t, err)
	}
	require.NoError(t, living.Close())
	require.NoError(t, reply.Close())
}

// In a folder that everybody may write to, another user's socket gets no reply, and
// keeps nobody else from one.
func TestAnotherUsersSocketGetsNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	dir := shortDir(t)
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	path := filepath.Join(dir, "d.pid")
	var foreign *net.UnixListener
	nobody.Run(t, func() { foreign = bind(t, path+".reply.1.0") })
	replies := pidfile.Sockets(nil)
	reply, err := replies.Listen(path, os.Getpid())
	require.NoError(t, err)
	replies.Give(path, "secret")
	text, err := reply.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "secret", text)
	require.NoError(t, reply.Close())
	require.NoError(t, foreign.SetDeadline(time.Now().Add(time.Minute)))
	got := make(chan string, 1)
	go func() {
		conn, err := foreign.AcceptUnix() // root has looked who is there
		if err != nil {
			got <- ""
			return
		}
		buf := make([]byte, 100)
		n, _ := conn.Read(buf)
		got <- string(buf[:n])
	}()
	require.Empty(t, <-got)
}

// What another process than the daemon sends is no reply.
func TestAnImpostorsReplyDoesNotCount(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the kernel tells the user only")
	}
	path := filepath.Join(shortDir(t), "d.pid")
	reply, err := pidfile.Sockets(nil).Listen(path, os.Getppid())
	require.NoError(t, err)
	conn, err := net.Dial("unix", replyPath(path, 0))
	require.NoError(t, err)
	_, err = conn.Write([]byte("dump ok lies"))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = reply.Wait(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, reply.Close())
}

// late is a clock by which every time-out has passed already.
type late struct{ clockwork.Clock }

func (l late) Now() time.Time { return l.Clock.Now().Add(-time.Hour) }

// A daemon that is stopped while it replies does so when it goes on.
func TestAReplyIsGivenHoweverLate(t *testing.T) {
	path := filepath.Join(shortDir(t), "d.pid")
	reply, err := pidfile.Sockets(nil).Listen(path, os.Getpid())
	require.NoError(t, err)
	pidfile.Sockets(late{clockwork.Real()}).Give(path, "done")
	text, err := reply.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "done", text)
	require.NoError(t, reply.Close())
}

// A text of any length is cut, and a listener that does not read holds up nobody.
func TestGiveWaitsForNobody(t *testing.T) {
	path := filepath.Join(shortDir(t), "d.pid")
	replies := pidfile.Sockets(nil)
	deaf, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Close(deaf)) }()
	require.NoError(t, unix.Bind(deaf, &unix.SockaddrUnix{Name: path + ".reply.1.0"}))
	require.NoError(t, unix.Listen(deaf, 0))
	reply, err := replies.Listen(path, os.Getpid())
	require.NoError(t, err)
	for range 10 { // more than the deaf one's queue takes
		replies.Give(path, strings.Repeat("x", 1<<20))
	}
	text, err := reply.Wait(t.Context())
	require.NoError(t, err)
	require.Len(t, text, 32<<10)
	require.NoError(t, reply.Close())
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "pid")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
