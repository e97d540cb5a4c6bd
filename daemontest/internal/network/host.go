package network

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
)

// Host is what serves at a name.
type Host struct {
	// Name is the host's, such as "api.example.com", or that with a port. A name
	// without a port has all of them.
	Name string

	// Handler answers requests. One of the two is set.
	Handler http.Handler

	// Serve is called with each connection, which is closed when it returns.
	Serve func(net.Conn)
}

// host is a host of one network.
type host struct {
	Host
	ip     net.IP
	faults Faults // guarded by the network's mutex
	fail   func(string)

	server *http.Server // where there is a Handler
	queue  chan net.Conn
	closed chan struct{}
}

// newHost returns the n-th host, which serves from now on.
func newHost(n int, h Host, fail func(string)) *host {
	one := &host{
		Host: h, ip: net.IPv4(198, 51, 100, byte(n+1)), fail: fail, // the addresses are for documentation: RFC 5737
		queue: make(chan net.Conn), closed: make(chan struct{}),
	}
	if h.Serve == nil {
		one.server = &http.Server{Handler: h.Handler, ErrorLog: log.New(complaints(fail), "", 0)}
		go func() { _ = one.server.Serve(listener{one}) }()
	}
	return one
}

// accept takes the host's end of a new connection.
func (h *host) accept(c net.Conn) {
	if h.Serve != nil {
		go h.serve(c)
		return
	}
	select {
	case h.queue <- c:
	case <-h.closed:
		_ = c.Close()
	}
}

func (h *host) serve(c net.Conn) {
	defer c.Close()
	defer func() {
		if v := recover(); v != nil {
			h.fail(fmt.Sprintf("host %s panicked: %v\n%s", h.Name, v, debug.Stack()))
		}
	}()
	h.Serve(c)
}

// close ends the server, and every handler's context.
func (h *host) close() {
	close(h.closed)
	if h.server != nil {
		_ = h.server.Close()
	}
}

// listener is where the server of a host waits for connections.
type listener struct{ h *host }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.h.queue:
		return c, nil
	case <-l.h.closed:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return &net.TCPAddr{IP: l.h.ip} }

// complaints fails for each line that a server logs: a handler panicked, or
// answered twice.
type complaints func(string)

func (fail complaints) Write(p []byte) (int, error) {
	fail(strings.TrimSpace(string(p)))
	return len(p), nil
}
