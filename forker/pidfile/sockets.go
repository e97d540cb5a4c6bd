package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
)

const (
	// maxReply keeps a reply within one datagram of any system.
	maxReply = 32 << 10

	// giveTimeout is how long Give waits for a listener that does not read.
	giveTimeout = 100 * time.Millisecond
)

// SocketReplies is the real [Replies]: a datagram socket beside the PID file,
// there only while a process listens. It is safe for concurrent use.
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

func replySocket(pidFile string) *net.UnixAddr {
	return &net.UnixAddr{Name: pidFile + ".reply", Net: "unixgram"}
}

// Listen creates the socket. Another process that listens for replies of the
// same daemon is an error; a socket that a dead one left is replaced. On Linux,
// where root listens, the socket belongs to the owner of the PID file.
func (SocketReplies) Listen(pidFile string) (Reply, error) {
	addr := replySocket(pidFile)
	conn, err := listen(pidFile, addr)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(addr) {
		if err = os.Remove(addr.Name); err == nil {
			conn, err = listen(pidFile, addr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pidfile: listen for a reply at %s: %w", addr.Name, err)
	}
	return &socketReply{conn, addr.Name}, nil
}

// listen creates the socket for the owner of the PID file; where that user may
// not, for ours.
func listen(pidFile string, addr *net.UnixAddr) (conn *net.UnixConn, err error) {
	create := func() error {
		conn, err = net.ListenUnixgram("unixgram", addr)
		return err
	}
	if errors.Is(asOwner(pidFile, create), fs.ErrPermission) {
		_ = create()
	}
	return conn, err
}

// abandoned reports whether nobody listens on the socket any more.
func abandoned(addr *net.UnixAddr) bool {
	conn, err := net.DialUnix("unixgram", nil, addr)
	if err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_ = conn.Close()
	return false
}

// Give sends text to the socket, if there is one. It blocks for 100 ms at most.
func (s SocketReplies) Give(pidFile, text string) {
	addr := replySocket(pidFile)
	if info, err := os.Lstat(addr.Name); err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, addr)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if conn.SetWriteDeadline(s.clock.Now().Add(giveTimeout)) == nil {
		// The listener may have gone; the daemon has done its part either way.
		_, _ = conn.Write([]byte(text[:min(len(text), maxReply)]))
	}
}

type socketReply struct {
	conn *net.UnixConn
	path string
}

// Wait reads one datagram.
func (r *socketReply) Wait(ctx context.Context) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, maxReply)
	n, err := r.conn.Read(buf)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("pidfile: no reply at %s: %w", r.path, err)
	}
	return string(buf[:n]), nil
}

// Close closes and removes the socket.
func (r *socketReply) Close() error {
	if err := errors.Join(r.conn.Close(), os.Remove(r.path)); err != nil {
		return fmt.Errorf("pidfile: close %s: %w", r.path, err)
	}
	return nil
}
