package pidfile

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
)

const (
	// maxReply is how much of a text is sent: it fits into a socket's buffer.
	maxReply = 32 << 10

	// giveTimeout is how long Give waits for listeners that do not read.
	giveTimeout = 100 * time.Millisecond
)

// SocketReplies is the real [Replies]. A process that listens has a socket of its
// own beside the PID file, whose name has its number, and only as long as it
// listens. Each side asks the kernel who the other one is (SO_PEERCRED in unix(7)):
// the daemon replies to root and to its own user, and a reply counts that the
// daemon itself has sent. So whatever else somebody puts there is passed over. It
// is safe for concurrent use.
type SocketReplies struct{ clock clockwork.Clock }

var _ Replies = SocketReplies{}

// Sockets returns replies over sockets. The clock is for the time-out of Give;
// nil means the real one.
func Sockets(clock clockwork.Clock) SocketReplies {
	if clock == nil {
		clock = clockwork.Real()
	}
	return SocketReplies{clock}
}

// maxBase is how much of a PID file's name is in that of a socket: a longer one is
// told apart by its hash.
const maxBase = 40

// socketPrefix is what the names of a PID file's sockets begin with; the number of
// the process that listens follows, and a further one.
func socketPrefix(pidFile string) string {
	base := filepath.Base(pidFile)
	if len(base) > maxBase {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(base))
		base = base[:maxBase] + strconv.FormatUint(hash.Sum64(), 16)
	}
	return base + ".reply."
}

// Listen creates a socket. On Linux, where root listens, it belongs to the owner of
// the PID file. Sockets that dead processes have left are removed.
func (SocketReplies) Listen(pidFile string, daemon int) (Reply, error) {
	removeAbandoned(pidFile)
	prefix := filepath.Join(filepath.Dir(pidFile), socketPrefix(pidFile)) + strconv.Itoa(os.Getpid()) + "."
	for n := range maxNames {
		path := prefix + strconv.Itoa(n)
		listener, err := listen(pidFile, path)
		switch {
		case errors.Is(err, syscall.EADDRINUSE): // by another goroutine, or by what is no socket of ours
		case err != nil:
			return nil, fmt.Errorf("PID file: listen for a reply at %s: %w", path, err)
		default:
			return &socketReply{listener, path, pidFile, daemon}, nil
		}
	}
	return nil, fmt.Errorf("PID file: listen for a reply at %s0 and %d other names: they are taken; remove them", prefix, maxNames-1)
}

// listen creates the socket for the owner of the PID file; where that user may
// not, for ours.
func listen(pidFile, path string) (listener *net.UnixListener, err error) {
	create := func() error {
		return withName(path, func(addr *net.UnixAddr) error {
			listener, err = net.ListenUnix("unix", addr)
			return err
		})
	}
	err = asOwner(pidFile, create)
	if errors.Is(err, fs.ErrPermission) {
		err = create()
	}
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // its name may not be the path
	return listener, nil
}

// sockets returns the paths of the PID file's sockets that belong to root or to
// this process's user; others are nobody's to reply to.
func sockets(pidFile string) (paths []string) {
	folder, prefix := filepath.Dir(pidFile), socketPrefix(pidFile)
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Type() != os.ModeSocket {
			continue
		}
		if owner := info.Sys().(*syscall.Stat_t).Uid; trusted(owner) || os.Geteuid() == 0 {
			paths = append(paths, path)
		}
	}
	return paths
}

// trusted reports whether a user is root or this process's own.
func trusted(user uint32) bool { return user == 0 || int(user) == os.Geteuid() }

// removeAbandoned removes the sockets of dead processes, on which nobody listens
// any more. One that has just been made is refused for an instant, too.
func removeAbandoned(pidFile string) {
	for _, path := range sockets(pidFile) {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), socketPrefix(pidFile)), ".")
		pid, err := strconv.Atoi(number)
		if err != nil || pid <= 0 || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		conn, err := dial(path)
		if err == nil {
			_ = conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(path)
		}
	}
}

func dial(path string) (conn *net.UnixConn, err error) {
	err = withName(path, func(addr *net.UnixAddr) error {
		conn, err = net.DialUnix("unix", nil, addr)
		return err
	})
	return conn, err
}

// Give sends text to the processes that listen. It blocks for 100 ms at most, and a
// process that was stopped meanwhile gives its reply all the same.
func (s SocketReplies) Give(pidFile, text string) {
	deadline := s.clock.Now().Add(giveTimeout)
	reply := []byte(text[:min(len(text), maxReply)])
	for _, path := range sockets(pidFile) {
		conn, err := dial(path)
		if err != nil {
			continue
		}
		// A listener may have gone; the daemon has done its part either way.
		if who, err := peer(conn); err == nil && trusted(who.user) {
			rest := reply[atOnce(conn, reply):]
			if len(rest) > 0 && conn.SetWriteDeadline(deadline) == nil {
				_, _ = conn.Write(rest)
			}
		}
		_ = conn.Close()
	}
}

// atOnce writes what the socket takes without waiting, and returns how much that
// is. A Write whose deadline has passed would not even try.
func atOnce(conn *net.UnixConn, text []byte) (n int) {
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { n, _ = unix.Write(int(fd), text) })
	}
	if err != nil {
		return 0
	}
	return max(n, 0)
}

type socketReply struct {
	listener *net.UnixListener
	path     string
	pidFile  string
	daemon   int
}

// Wait returns the next text that the daemon sends.
func (r *socketReply) Wait(ctx context.Context) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = r.listener.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		conn, err := r.listener.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return "", fmt.Errorf("PID file: no reply at %s: %w", r.path, err)
		}
		text, err := r.read(ctx, conn)
		if err == nil && len(text) > 0 {
			return string(text), nil
		}
	}
}

// read returns what the daemon sends; nothing of anybody else.
func (r *socketReply) read(ctx context.Context, conn *net.UnixConn) ([]byte, error) {
	defer func() { _ = conn.Close() }()
	if who, err := peer(conn); err != nil || !r.isDaemon(who) {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	return io.ReadAll(io.LimitReader(conn, maxReply))
}

// isDaemon reports whether a process is the one whose reply is waited for. Where
// its number is not known, its user counts.
func (r *socketReply) isDaemon(who peerProcess) bool {
	if who.pidKnown {
		return who.pid == r.daemon
	}
	info, err := os.Stat(r.pidFile)
	return trusted(who.user) || err == nil && info.Sys().(*syscall.Stat_t).Uid == who.user
}

// Close closes and removes the socket.
func (r *socketReply) Close() error {
	if err := errors.Join(r.listener.Close(), os.Remove(r.path)); err != nil {
		return fmt.Errorf("PID file: close %s: %w", r.path, err)
	}
	return nil
}

// peerProcess is the process at the other end of a socket.
type peerProcess struct {
	pid      int
	pidKnown bool
	user     uint32 // effective
}
