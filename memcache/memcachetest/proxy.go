package memcachetest

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Proxy is a TCP proxy before a server, which cuts and delays what goes through
// it. It is closed at the end of the test. It is safe for concurrent use.
type Proxy struct {
	t       testing.TB
	target  string
	address string
	all     sync.WaitGroup

	mu       sync.Mutex // held for instants only
	listener net.Listener
	links    map[*link]bool
	weather  Weather
}

// Weather is what a Proxy does to the connections. The zero value is nothing.
type Weather struct {
	// Requests and Answers are how long what the clients and the server send is
	// on its way.
	Requests, Answers time.Duration

	// LosesAnswers closes a connection instead of passing on an answer.
	LosesAnswers bool
}

// link is a connection that goes through.
type link struct{ client, server net.Conn }

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

// NewProxy starts a proxy before a server's address.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, target: target, links: map[*link]bool{}}
	p.address = "127.0.0.1:" + strconv.Itoa(freePort(t))
	t.Cleanup(func() {
		p.SetDown(true)
		p.all.Wait()
	})
	p.SetDown(false)
	return p
}

// Address returns the proxy's host:port.
func (p *Proxy) Address() string { return p.address }

// SetWeather changes what the proxy does, from the next piece of data on.
func (p *Proxy) SetWeather(w Weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather = w
}

func (p *Proxy) now() Weather {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.weather
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// SetDown makes the proxy refuse connections and close those that are open, or
// accept them again.
func (p *Proxy) SetDown(down bool) {
	p.t.Helper()
	if down {
		p.stop()
		p.Cut()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return
	}
	listener, err := net.Listen("tcp", p.address)
	for begun := time.Now(); errors.Is(err, syscall.EADDRINUSE) && time.Since(begun) < time.Minute; {
		time.Sleep(10 * time.Millisecond) // somebody's connection has the number for a while
		listener, err = net.Listen("tcp", p.address)
	}
	if err != nil {
		p.t.Errorf("memcachetest: proxy: %v", err)
		return
	}
	p.listener = listener
	p.all.Go(func() { p.accept(listener) })
}

func (p *Proxy) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", p.target, time.Second)
		if err != nil {
			client.Close()
			continue
		}
		l := &link{client, server}
		if !p.add(l, listener) {
			return
		}
		p.all.Go(func() { p.pass(l, client, server, func(w Weather) (time.Duration, bool) { return w.Requests, false }) })
		p.all.Go(func() {
			p.pass(l, server, client, func(w Weather) (time.Duration, bool) { return w.Answers, w.LosesAnswers })
		})
	}
}

// add notes a connection, unless the proxy is down by now.
func (p *Proxy) add(l *link, listener net.Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != listener {
		l.close()
		return false
	}
	p.links[l] = true
	return true
}

// pass passes on what one end sends, until either end is closed. What is delayed
// arrives even if its sender has given up meanwhile.
func (p *Proxy) pass(l *link, from, to net.Conn, fate func(Weather) (delay time.Duration, loses bool)) {
	defer func() {
		l.close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	data := make([]byte, 64<<10)
	for {
		n, err := from.Read(data)
		delay, loses := fate(p.now())
		if n > 0 && !loses {
			time.Sleep(delay)
			if _, err := to.Write(data[:n]); err != nil {
				return
			}
		}
		if err != nil || loses {
			return
		}
	}
}
