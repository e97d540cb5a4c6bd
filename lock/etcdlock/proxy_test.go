package etcdlock_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is the network between a lock and its server.
type proxy struct {
	listener net.Listener
	target   atomic.Pointer[string]

	mu      sync.Mutex
	conns   map[net.Conn]bool
	down    bool
	answers chan struct{} // closed: answers pass
	left    int           // how many pieces of answers pass before then is called; 0: all
	then    func()
	all     sync.WaitGroup
}

// newProxy lets everything pass to that address.
func newProxy(t testing.TB, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, conns: map[net.Conn]bool{}, answers: make(chan struct{})}
	close(p.answers)
	p.target.Store(&target)
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.setDown(true)
		p.all.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", *p.target.Load())
		if err != nil || !p.add(client, server) {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		p.all.Go(func() { p.pass(server, client, nil) })
		p.all.Go(func() { p.pass(client, server, p.gate) })
	}
}

// add notes a pair of connections, unless the network is down.
func (p *proxy) add(pair ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		if !p.down {
			p.conns[c] = true
		}
	}
	return !p.down
}

// pass copies until either end is closed, and then closes both.
func (p *proxy) pass(to, from net.Conn, gate func()) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if gate != nil {
			gate()
		}
		if n > 0 && err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []net.Conn{to, from} {
		delete(p.conns, c)
		_ = c.Close()
	}
}

// gate lets an answer wait while answers are withheld.
func (p *proxy) gate() {
	p.mu.Lock()
	var then func()
	if p.left > 0 {
		if p.left--; p.left == 0 {
			then = p.then
		}
	}
	p.mu.Unlock()
	if then != nil {
		then()
	}
	p.mu.Lock()
	answers := p.answers
	p.mu.Unlock()
	<-answers
}

// before calls a function instead of passing on the n-th piece of an answer at once,
// from 1.
func (p *proxy) before(n int, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.then = n, then
}

// stall withholds answers, while requests pass.
func (p *proxy) stall() (resume func()) {
	answers := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = answers
	return sync.OnceFunc(func() { close(answers) })
}

// heal lets answers pass on connections to come, and leaves what is withheld.
func (p *proxy) heal() {
	passing := make(chan struct{})
	close(passing)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = passing
}

// cut closes every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// setDown closes every connection, and those that come as long as it is down.
func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.cut()
	}
}
