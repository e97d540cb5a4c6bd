package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// lanes is as simple a Config.Until as can be: each connection and direction has
// a nanosecond of its own.
func lanes(conn int, towards Side, d time.Duration) time.Duration {
	return d + time.Duration(2*conn+int(towards))
}

// newNetwork returns a network that the test closes.
func newNetwork(t *testing.T, hosts ...Host) *Network {
	n := New(Config{Hosts: hosts, Until: lanes, Fail: func(m string) { t.Error(m) }})
	t.Cleanup(n.Close)
	return n
}

// ends returns the two ends of a connection in memory.
func ends(t *testing.T) (client, server net.Conn) {
	accepted, over := make(chan net.Conn, 1), make(chan struct{})
	t.Cleanup(func() { close(over) })
	n := newNetwork(t, Host{Name: "host", Serve: func(c net.Conn) {
		accepted <- c
		<-over
	}})
	client, err := n.Dial(t.Context(), "tcp", "host:80")
	if err != nil {
		t.Fatal(err)
	}
	return client, <-accepted
}

// realEnds returns the two ends of a connection on the loopback.
func realEnds(t *testing.T) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client, server
}

// conform are the cases in which a connection in memory is as one of TCP. Each
// returns what a program can tell.
var conform = []struct {
	name string
	do   func(c, s net.Conn) []any
	want string
}{
	{"what was sent is read before the end", func(c, s net.Conn) []any {
		write(s, "hello ")
		write(s, "world")
		_ = s.Close()
		text, err := io.ReadAll(c)
		return []any{string(text), err}
	}, "hello world <nil>"},
	{"half a connection may be closed", func(c, s net.Conn) []any {
		write(c, "question")
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
		asked, err := io.ReadAll(s)
		write(s, "answer to "+string(asked))
		_ = s.Close()
		text, _ := io.ReadAll(c)
		_, after := c.Write([]byte("more"))
		return []any{err, string(text), errors.Is(after, syscall.EPIPE)}
	}, "<nil> answer to question true"},
	{"unread data makes a close a reset", func(c, s net.Conn) []any {
		write(c, "unread")
		one := make([]byte, 1)
		_, _ = s.Read(one) // it has arrived
		_ = s.Close()
		_, err := c.Read(one)
		return describe(err, syscall.ECONNRESET)
	}, "*net.OpError tcp true false"},
	{"a write to an end that is closed resets", func(c, s net.Conn) []any {
		_ = s.Close()
		_, eof := c.Read(make([]byte, 1))
		write(c, "too late")
		var err error
		for i := 0; i < 1000 && err == nil; i++ { // until the reset has come
			time.Sleep(time.Millisecond)
			_, err = c.Write([]byte("x"))
		}
		return []any{eof, errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)}
	}, "EOF true"},
	{"an end that is closed says so", func(c, _ net.Conn) []any {
		_ = c.Close()
		_, read := c.Read(make([]byte, 1))
		_, written := c.Write([]byte("x"))
		return append(describe(read, net.ErrClosed), errors.Is(written, net.ErrClosed), errors.Is(c.Close(), net.ErrClosed), errors.Is(c.SetDeadline(time.Time{}), net.ErrClosed))
	}, "*net.OpError tcp true false true true true"},
	{"a close ends a read", func(c, _ net.Conn) []any {
		begun, done := make(chan struct{}), make(chan error)
		go func() {
			close(begun)
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		<-begun
		_ = c.Close()
		return describe(<-done, net.ErrClosed)
	}, "*net.OpError tcp true false"},
	{"deadlines", func(c, s net.Conn) []any {
		write(s, "here")
		one := make([]byte, 1)
		_, _ = c.Read(one)
		_ = c.SetReadDeadline(time.Now().Add(-time.Second))
		_, past := c.Read(one) // also where there is something to read
		_ = c.SetReadDeadline(time.Time{})
		_, err := io.ReadFull(c, make([]byte, 3))
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, later := c.Read(one)
		return append(describe(past, context.DeadlineExceeded), err, errors.Is(later, os.ErrDeadlineExceeded))
	}, "*net.OpError tcp false true <nil> true"},
	{"a write waits for its reader", func(c, s net.Conn) []any {
		data := make([]byte, 32<<20)
		n, err := 0, error(nil)
		for d := 200 * time.Millisecond; n == 0 && d < time.Minute; d *= 2 { // it may be over before the write begins
			_ = c.SetWriteDeadline(time.Now().Add(d))
			n, err = c.Write(data)
		}
		_ = c.SetWriteDeadline(time.Time{})
		go func() {
			_, _ = c.Write(data[n:])
			_ = c.Close()
		}()
		read, failed := io.Copy(io.Discard, s)
		return append(describe(err, net.ErrClosed), n > 0 && n < len(data), read == int64(len(data)), failed)
	}, "*net.OpError tcp false true true true <nil>"},
	{"nothing is read and written", func(c, _ net.Conn) []any {
		n, err := c.Read(nil)
		m, failed := c.Write(nil)
		return []any{n, err, m, failed}
	}, "0 <nil> 0 <nil>"},
}

func write(c net.Conn, text string) {
	if _, err := io.WriteString(c, text); err != nil {
		panic(err)
	}
}

// describe returns what programs look at in an error.
func describe(err, cause error) []any {
	var op *net.OpError
	if !errors.As(err, &op) {
		return []any{err}
	}
	return []any{fmt.Sprintf("%T", err), op.Net, errors.Is(err, cause), op.Timeout()}
}

func TestAConnectionIsAsOneOfTCP(t *testing.T) {
	for _, c := range conform {
		check := func(ends func(*testing.T) (c, s net.Conn)) func(*testing.T) {
			return func(t *testing.T) {
				client, server := ends(t)
				if got := strings.TrimSpace(fmt.Sprintln(c.do(client, server)...)); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}
		}
		t.Run(c.name+"/loopback", check(realEnds))
		t.Run(c.name+"/memory", func(t *testing.T) { synctest.Test(t, check(ends)) })
	}
}

// Dials that fail do so as those of package net, and take time.
func TestDialsFailAsThoseOfNet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String() // as soon as it is closed
	_ = l.Close()
	refused := func(err error) string {
		return fmt.Sprint(describe(err, syscall.ECONNREFUSED), strings.HasSuffix(err.Error(), ": connect: connection refused"))
	}
	_, real := net.Dial("tcp", free)
	want := refused(real)
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, Host{Name: "API.example.com:8080", Serve: func(net.Conn) {}})
		begin := time.Now()
		_, err := n.Dial(t.Context(), "tcp", "127.0.0.1:80")
		if got := refused(err); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if took := time.Since(begin); took < 2*messageTakes {
			t.Errorf("it took %s", took)
		}
		for _, address := range []string{"other.example.com:80", "api.example.com:80"} {
			var unknown *net.DNSError
			if _, err := n.Dial(t.Context(), "tcp", address); !errors.As(err, &unknown) || !unknown.IsNotFound || !strings.HasPrefix(err.Error(), "dial tcp: lookup ") {
				t.Errorf("dial %s: %v", address, err)
			}
		}
		if _, err := n.Dial(t.Context(), "tcp", "api.example.com.:8080"); err != nil {
			t.Error(err)
		}
		for _, bad := range [][2]string{{"udp", "api.example.com:8080"}, {"tcp", "api.example.com"}, {"tcp", "api.example.com:http"}} {
			if _, err := n.Dial(t.Context(), bad[0], bad[1]); err == nil {
				t.Errorf("dial %v has succeeded", bad)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.Dial(ctx, "tcp", "api.example.com:8080"); !errors.Is(err, context.Canceled) {
			t.Errorf("a dial that was cancelled: %v", err)
		}
	})
}

// The connections of a process that is gone are closed for the others. For
// itself nothing returns until the network is closed.
func TestTheOwnerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		n := New(Config{Until: lanes, Fail: func(m string) { t.Error(m) }, Hosts: []Host{
			{Name: "raw", Serve: func(c net.Conn) {
				_, err := c.Read(make([]byte, 1))
				ended <- err
			}},
			{Name: "web", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/body" {
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			})},
		}})
		gone := make(chan struct{})
		ctx := OwnedBy(t.Context(), gone)
		c, err := n.Dial(ctx, "tcp", "raw:1")
		if err != nil {
			t.Fatal(err)
		}
		returned := make(chan string, 4)
		go func() {
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			_, _ = c.Read(make([]byte, 1))
			returned <- "read"
		}()
		for what, path := range map[string]string{"request": "/", "read of a body": "/body"} {
			go func() {
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://web"+path, nil)
				if resp, err := n.RoundTrip("client", req); err == nil {
					_, _ = io.ReadAll(resp.Body)
				}
				returned <- what
			}()
		}
		time.Sleep(time.Second)
		close(gone)
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("the other end: %v, want EOF", err)
		}
		go func() {
			_, _ = n.Dial(ctx, "tcp", "raw:1")
			returned <- "dial"
		}()
		time.Sleep(time.Hour)
		if len(returned) > 0 {
			t.Errorf("a %s has returned", <-returned)
		}
		n.Close()
		for range 4 {
			<-returned
		}
	})
}

// Messages arrive in the order and at the distance in which they were sent. A
// reset does not wait for a host that hangs.
func TestMessagesTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, Host{Name: "host", Serve: func(c net.Conn) {
			for range 3 {
				write(c, "x")
				time.Sleep(50 * time.Millisecond)
			}
			_, _ = c.Read(make([]byte, 1))
		}})
		if err := n.Fault("host", func(f *Faults) { f.Takes = time.Second }); err != nil {
			t.Fatal(err)
		}
		c, err := n.Dial(t.Context(), "tcp", "host:1")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for i := range 3 {
			if _, err := c.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			if at := time.Since(begin).Round(time.Millisecond); at != time.Second+time.Duration(i)*50*time.Millisecond {
				t.Errorf("message %d arrived after %s", i, at)
			}
		}
		_ = n.Fault("host", func(f *Faults) { f.Hangs = true })
		_ = n.Reset("host")
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	})
}

// What a handler does wrong is told; what it may do is not.
func TestHandlersFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		n := New(Config{Until: lanes, Fail: func(m string) { told = append(told, m) }, Hosts: []Host{
			{Name: "web", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/abort" {
					panic(http.ErrAbortHandler)
				}
				panic("argh")
			})},
			{Name: "raw", Serve: func(net.Conn) { panic("oops") }},
		}})
		for _, path := range []string{"/abort", "/"} {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://web"+path, nil)
			if _, err := n.RoundTrip("client", req); !errors.Is(err, io.EOF) {
				t.Errorf("%s: %v", path, err)
			}
		}
		c, err := n.Dial(t.Context(), "tcp", "raw:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		n.Close()
		if len(told) != 2 || !strings.Contains(told[0], "panic serving 192.0.2.1") || !strings.Contains(told[1], "host raw panicked: oops") {
			t.Errorf("told: %q", told)
		}
	})
}
