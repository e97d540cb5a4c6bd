package forker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// Answers carries a daemon's answer to the process that signalled it, which a
// signal alone cannot. It is safe for concurrent use.
type Answers interface {
	// Listen prepares for one answer of the daemon that has claimed pidFile.
	// Call it before the signal is sent.
	Listen(pidFile string) (Answer, error)

	// Give answers whoever listens beside pidFile; where nobody does, or the
	// answer cannot be delivered at once, it does nothing. A long text is cut.
	Give(pidFile, text string)
}

// Answer is one answer that is waited for.
type Answer interface {
	// Wait blocks until the answer has come, or ctx is done, whose cause it
	// then returns.
	Wait(ctx context.Context) (string, error)

	// Close ends the wait and leaves nothing behind.
	Close() error
}

// maxAnswer keeps an answer within one datagram of any system.
const maxAnswer = 32 << 10

// SocketAnswers is the real Answers: a datagram socket beside the PID file,
// there only while somebody waits.
type SocketAnswers struct{}

var _ Answers = SocketAnswers{}

func answerSocket(pidFile string) *net.UnixAddr {
	return &net.UnixAddr{Name: pidFile + ".answer", Net: "unixgram"}
}

// Listen creates the socket. Another process that waits for an answer of the
// same daemon is an error; a socket that a dead one left is replaced.
func (SocketAnswers) Listen(pidFile string) (Answer, error) {
	addr := answerSocket(pidFile)
	conn, err := net.ListenUnixgram("unixgram", addr)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(addr) {
		if err = os.Remove(addr.Name); err == nil {
			conn, err = net.ListenUnixgram("unixgram", addr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("forker: wait for an answer at %s: %w", addr.Name, err)
	}
	return &socketAnswer{conn, addr.Name}, nil
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

// Give sends text to the socket, if there is one.
func (SocketAnswers) Give(pidFile, text string) {
	addr := answerSocket(pidFile)
	if info, err := os.Lstat(addr.Name); err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, addr)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if conn.SetWriteDeadline(time.Now().Add(100*time.Millisecond)) == nil {
		// The asker may have gone; the daemon has done its part either way.
		_, _ = conn.Write([]byte(text[:min(len(text), maxAnswer)]))
	}
}

type socketAnswer struct {
	conn *net.UnixConn
	path string
}

func (a *socketAnswer) Wait(ctx context.Context) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = a.conn.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, maxAnswer)
	n, err := a.conn.Read(buf)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("forker: no answer at %s: %w", a.path, err)
	}
	return string(buf[:n]), nil
}

func (a *socketAnswer) Close() error {
	if err := errors.Join(a.conn.Close(), os.Remove(a.path)); err != nil {
		return fmt.Errorf("forker: close %s: %w", a.path, err)
	}
	return nil
}
