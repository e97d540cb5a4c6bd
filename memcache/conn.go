package memcache

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// maxSaid is how much of an answer is kept for an error.
const maxSaid = 80

// conn is a connection that one command uses at a time. It notes what an error of
// gomemcache does not tell.
type conn struct {
	net.Conn
	broken error  // of reading or writing
	sent   bool   // the command, or a part of it
	said   []byte // the beginning of the answer
}

// begin begins a command.
func (c *conn) begin() { c.sent, c.said = false, c.said[:0] }

// Write writes, and notes whether that much as a byte has left.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent = c.sent || n > 0
	c.note(err)
	return n, err
}

// Read reads, and notes what it was.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.said = append(c.said, p[:min(n, maxSaid-len(c.said))]...)
	c.note(err)
	return n, err
}

func (c *conn) note(err error) {
	if c.broken == nil {
		c.broken = err
	}
}

// SetDeadline does nothing: the context of the command is its limit, and its
// clock may be another one.
func (c *conn) SetDeadline(time.Time) error { return nil }

// alive reports whether the other end has neither closed the connection nor
// sent what nobody asked for. It does not wait.
func (c *conn) alive() bool {
	var one [1]byte
	sys, ok := c.Conn.(syscall.Conn)
	if !ok {
		// What is no socket, such as a pipe, tells of its end before that of the
		// time.
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
		_, err := c.Conn.Read(one[:])
		_ = c.Conn.SetReadDeadline(time.Time{})
		return errors.Is(err, os.ErrDeadlineExceeded)
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, failed = syscall.Read(int(fd), one[:])
		return true
	})
	if err == nil && n == 0 && failed == nil {
		failed = io.EOF
	}
	return err == nil && (errors.Is(failed, syscall.EAGAIN) || errors.Is(failed, syscall.EWOULDBLOCK))
}
