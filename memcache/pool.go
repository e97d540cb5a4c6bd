package memcache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// pool has the connections to one server.
type pool struct {
	address string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	maxIdle int

	mu     sync.Mutex // held for instants only
	idle   []*link    // the one that was used last is the last
	opened uint64     // how many there have been
}

// count returns how many connections there have been.
func (p *pool) count() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// take returns a connection that nobody uses and that the server has not closed,
// or another one. It prefers one of the first `until` that were opened.
func (p *pool) take(ctx context.Context, until uint64) (*link, error) {
	for l := p.pop(until); l != nil; l = p.pop(until) {
		if l.conn.alive() {
			l.old = true
			return l, nil
		}
		l.conn.Close()
	}
	conn, err := p.dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened++
	return newLink(conn, p.address, p.opened), nil
}

func (p *pool) pop(until uint64) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	for n > 0 && p.idle[n].opened > until {
		n--
	}
	if n < 0 {
		return nil
	}
	l := p.idle[n]
	p.idle = append(p.idle[:n], p.idle[n+1:]...)
	return l
}

// put gives a connection back.
func (p *pool) put(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= p.maxIdle {
		l.conn.Close()
		return
	}
	p.idle = append(p.idle, l)
}

// clear closes the connections that nobody uses.
func (p *pool) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.idle {
		l.conn.Close()
	}
	p.idle = nil
}

// dial is that of net.Dialer. On one machine, an attempt to connect to a port
// where nobody listens can come to itself, when that port is also the next free
// one. That is no server.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil && conn.LocalAddr().String() == conn.RemoteAddr().String() {
		conn.Close()
		err = &net.OpError{Op: "dial", Net: network, Addr: conn.RemoteAddr(), Err: syscall.ECONNREFUSED}
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: is memcached running there?", err)
	}
	return conn, err
}
