package network

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes may be under way, or arrived and not read, before a
// write waits.
const window = 64 << 10

// end is one end of a connection. It is safe for concurrent use.
type end struct {
	in            transit  // to this end
	out           *transit // to the other one
	local, remote net.Addr
	done          chan struct{} // closed when the end is
	gone          func()        // called once, with mu held, when the end is closed

	mu       *sync.Mutex // the network's
	wake     *sync.Cond  // something below has changed
	arrived  []byte
	eof      bool // the other end sends nothing more
	reset    bool // the connection was
	underway int  // bytes sent that the other end has not read
	read     int  // bytes read that the other end does not know of
	finSent  bool
	closed   bool
	frozen   bool // its process is no more: nothing returns

	readBy, writeBy deadline
}

var _ net.Conn = (*end)(nil)

// pair returns the two ends of a connection. Whoever has closed one calls gone,
// with mu held.
func pair(mu *sync.Mutex, f *Faults, client, server net.Addr, until func(Side, time.Duration) time.Duration, gone func()) (c, s *end) {
	one := func(side Side, local, remote net.Addr) *end {
		e := &end{mu: mu, wake: sync.NewCond(mu), local: local, remote: remote, done: make(chan struct{}), gone: gone}
		e.in = transit{mu: mu, faults: f, towards: side, until: until, arrive: e.arrive}
		return e
	}
	c, s = one(Client, client, server), one(Server, server, client)
	c.out, s.out = &s.in, &c.in
	return c, s
}

// arrive is called with mu held.
func (e *end) arrive(s segment) {
	e.underway -= s.read
	switch {
	case s.reset:
		e.reset = true
		e.in.drop()
	case e.closed && len(s.data) > 0:
		e.out.send(segment{reset: true})
	default:
		e.arrived = append(e.arrived, s.data...)
		e.eof = e.eof || s.fin
	}
	e.wake.Broadcast()
}

func (e *end) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		switch {
		case e.frozen:
		case e.closed:
			return 0, e.failed("read", net.ErrClosed)
		case e.readBy.passed():
			return 0, e.failed("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case len(e.arrived) > 0:
			return e.take(p), nil
		case e.reset:
			return 0, e.failed("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case e.eof:
			return 0, io.EOF
		}
		e.wake.Wait()
	}
}

// take reads what has arrived. The other end is told in time to go on writing.
func (e *end) take(p []byte) int {
	n := copy(p, e.arrived)
	if e.arrived = e.arrived[n:]; len(e.arrived) == 0 {
		e.arrived = nil
	}
	if e.read += n; e.read >= window/4 && !e.reset {
		e.out.send(segment{read: e.read})
		e.read = 0
	}
	return n
}

func (e *end) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sent := 0
	for {
		switch {
		case e.frozen:
		case e.closed:
			return sent, e.failed("write", net.ErrClosed)
		case e.writeBy.passed():
			return sent, e.failed("write", os.ErrDeadlineExceeded)
		case e.reset:
			return sent, e.failed("write", os.NewSyscallError("write", syscall.ECONNRESET))
		case e.finSent:
			return sent, e.failed("write", os.NewSyscallError("write", syscall.EPIPE))
		case sent == len(p):
			return sent, nil
		case e.underway < window:
			n := min(len(p)-sent, window-e.underway)
			e.out.send(segment{data: append([]byte(nil), p[sent:sent+n]...)})
			e.underway += n
			sent += n
			continue
		}
		e.wake.Wait()
	}
}

// failed returns the error of an operation as package net puts it.
func (e *end) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: e.local, Addr: e.remote, Err: err}
}

// CloseWrite ends what is sent, as that of a net.TCPConn does.
func (e *end) CloseWrite() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.failed("close", net.ErrClosed)
	}
	e.sendFin()
	return nil
}

func (e *end) sendFin() {
	if !e.finSent && !e.reset {
		e.finSent = true
		e.out.send(segment{fin: true})
		e.wake.Broadcast()
	}
}

// Close is part of net.Conn, as are the methods that follow.
func (e *end) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.failed("close", net.ErrClosed)
	}
	e.hangUp()
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) SetDeadline(at time.Time) error {
	return errors.Join(e.SetReadDeadline(at), e.SetWriteDeadline(at))
}

func (e *end) SetReadDeadline(at time.Time) error  { return e.setDeadline(&e.readBy, at) }
func (e *end) SetWriteDeadline(at time.Time) error { return e.setDeadline(&e.writeBy, at) }

func (e *end) setDeadline(d *deadline, at time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.failed("set", net.ErrClosed)
	}
	d.set(at, e.look)
	e.wake.Broadcast()
	return nil
}

// look lets those that wait look at their deadlines.
func (e *end) look() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.wake.Broadcast()
}

// hangUp closes the end as the kernel does: with a reset where something was
// left unread. It is called with mu held, as are cut, freeze
// and abort.
func (e *end) hangUp() {
	if len(e.arrived) > 0 && !e.reset {
		e.out.send(segment{reset: true})
	} else {
		e.sendFin()
	}
	e.leave()
}

// cut lets a reset arrive at the end, in place of all that is on its way.
func (e *end) cut() {
	if !e.closed {
		e.in.faults.met++
		e.in.reset()
	}
}

// freeze is for the end of a process that is no more: the other end finds the
// connection closed, and this one finds nothing.
func (e *end) freeze() {
	if !e.closed {
		e.frozen = true
		e.hangUp()
	}
}

// abort closes the end of a network that is no more.
func (e *end) abort() {
	e.frozen = false
	e.in.drop()
	e.leave()
}

func (e *end) leave() {
	e.arrived = nil
	e.readBy.stop()
	e.writeBy.stop()
	if !e.closed {
		e.closed = true
		close(e.done)
		e.gone()
	}
	e.wake.Broadcast()
}
