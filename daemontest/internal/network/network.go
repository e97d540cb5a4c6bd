package network

import (
	"context"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Config is what a network is made of.
type Config struct {
	// Hosts are the hosts of the network; no two of one name.
	Hosts []Host

	// Until returns how long it is until something that is d away arrives at
	// that side of a connection. It is never called concurrently.
	Until func(conn int, towards Side, d time.Duration) time.Duration

	// Fail is told what is wrong with a handler. It may be called concurrently.
	Fail func(message string)
}

// Network is a network of one play. It is made and used in the play's bubble,
// and safe for concurrent use.
type Network struct {
	until  func(conn int, towards Side, d time.Duration) time.Duration
	hosts  []*host
	closed chan struct{}

	mu    sync.Mutex // held for instants only
	conns map[int]connection
	dials int
	pools map[pool]*http.Transport
}

// connection is one whose ends are not both closed.
type connection struct {
	host           *host
	client, server *end
}

// New returns a network whose hosts serve.
func New(c Config) *Network {
	n := &Network{
		until: c.Until, closed: make(chan struct{}),
		conns: map[int]connection{}, pools: map[pool]*http.Transport{},
	}
	for i, h := range c.Hosts {
		n.hosts = append(n.hosts, newHost(i, h, c.Fail))
	}
	return n
}

// Close closes all connections. What waits for them ends; what handlers wait
// for otherwise, their contexts end.
func (n *Network) Close() {
	n.mu.Lock()
	close(n.closed)
	for _, c := range n.conns {
		c.client.abort()
		c.server.abort()
	}
	n.mu.Unlock()
	for _, h := range n.hosts {
		h.close()
	}
}

// Dial is that of net.Dialer, for TCP. It takes the time of a message to the
// host and one back. For a process that is gone it does not return before the
// network is closed.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	failed := func(addr net.Addr, err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
	}
	if !strings.HasPrefix(network, "tcp") {
		return nil, failed(nil, net.UnknownNetworkError(network))
	}
	name, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, failed(nil, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, failed(nil, &net.AddrError{Err: "no port number", Addr: address})
	}
	number := n.number()
	if err := n.wait(ctx, number, Server, messageTakes); err != nil {
		return nil, failed(nil, err)
	}
	h, faults := n.find(name, text)
	addr := &net.TCPAddr{IP: numeric(name), Port: int(port)}
	switch {
	case h != nil && !faults.Unknown:
		addr.IP = h.ip
	case h != nil || addr.IP == nil:
		return nil, failed(nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true})
	}
	if h == nil || faults.Refuses {
		if err := n.wait(ctx, number, Client, messageTakes); err != nil {
			return nil, failed(addr, err)
		}
		return nil, failed(addr, os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	c := n.connect(ctx, number, h, addr)
	if err := n.wait(ctx, number, Client, messageTakes); err != nil {
		_ = c.Close()
		return nil, failed(addr, err)
	}
	return c, nil
}

// numeric returns the address that a name is by itself; nil for none.
func numeric(name string) net.IP {
	if name == "localhost" {
		return net.IPv4(127, 0, 0, 1)
	}
	return net.ParseIP(name)
}

// number returns that of a connection that is being dialled.
func (n *Network) number() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials++
	return n.dials - 1
}

// wait is for a message to pass, which takes d.
func (n *Network) wait(ctx context.Context, conn int, towards Side, d time.Duration) error {
	n.mu.Lock()
	t := time.NewTimer(n.until(conn, towards, d))
	n.mu.Unlock()
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-owner(ctx):
		<-n.closed
	case <-ctx.Done():
		return ctx.Err()
	case <-n.closed:
	}
	return net.ErrClosed
}

// find returns the host at an address, and what is wrong with it now; nil for
// none.
func (n *Network) find(name, port string) (*host, Faults) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, wanted := range []string{net.JoinHostPort(name, port), name} {
		if h := n.named(wanted); h != nil {
			n.mu.Lock()
			defer n.mu.Unlock()
			h.faults.met++
			return h, h.faults
		}
	}
	return nil, Faults{}
}

func (n *Network) named(name string) *host {
	for _, h := range n.hosts {
		if strings.EqualFold(h.Name, name) {
			return h
		}
	}
	return nil
}

// connect lets h accept a connection, and returns the client's end.
func (n *Network) connect(ctx context.Context, number int, h *host, addr net.Addr) net.Conn {
	until := func(towards Side, d time.Duration) time.Duration { return n.until(number, towards, d) }
	from := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 32768 + number%28232}
	var client, server *end
	client, server = pair(&n.mu, &h.faults, from, addr, until, func() {
		if client.closed && server.closed && !client.frozen {
			client.in.drop()
			server.in.drop()
			delete(n.conns, number)
		}
	})
	n.mu.Lock()
	n.conns[number] = connection{h, client, server}
	n.mu.Unlock()
	if gone := owner(ctx); gone != nil {
		go func() {
			select {
			case <-gone:
				n.mu.Lock()
				client.freeze()
				n.mu.Unlock()
			case <-client.done:
			}
		}()
	}
	h.accept(server)
	return client
}
