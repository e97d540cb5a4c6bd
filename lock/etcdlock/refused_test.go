package etcdlock_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

func TestParse(t *testing.T) {
	for url, want := range map[string]string{
		"etcd://10.0.0.1:2379/x":                  "etcd://10.0.0.1:2379/x?ttl=5s",
		"etcd://10.0.0.1/x":                       "etcd://10.0.0.1:2379/x?ttl=5s",
		"ETCD://h:1,[::1]:2,i/a/b?ttl=1m":         "etcd://h:1,[::1]:2,i:2379/a/b?ttl=1m0s",
		"etcd://[::1]/x?ttl=2s":                   "etcd://[::1]:2379/x?ttl=2s",
		"etcd://h//absolute/key":                  "etcd://h:2379//absolute/key?ttl=5s",
		"etcd://h/with%20blank%3F%25and%20%C3%A4": "etcd://h:2379/with%20blank%3F%25and%20%C3%A4?ttl=5s",
	} {
		l, err := lock.Parse(url)
		require.NoError(t, err, url)
		assert.Equal(t, want, l.String())
		require.NoError(t, l.Check())
		again, err := lock.Parse(l.String())
		require.NoError(t, err)
		assert.Equal(t, want, again.String())
	}
}

func TestParseRefuses(t *testing.T) {
	for url, says := range map[string]string{
		"etcd:":                                 "has no //",
		"etcd:h/x":                              "has no //",
		"etcd://":                               "no server or no key",
		"etcd:///x":                             "no server or no key",
		"etcd://h":                              "no server or no key",
		"etcd://h/":                             "the key is empty",
		"etcd://h,/x":                           `the server "" is not written host:port`,
		"etcd://h:port/x":                       `the server "h:port" is not written host:port`,
		"etcd://h:70000/x":                      `the server "h:70000" is not written host:port`,
		"etcd://1:2:3/x":                        `the server "1:2:3" is not written host:port`,
		"etcd://root:secret@h/x":                "without a scheme, user or password",
		"etcd://h/%zz":                          "escapes nothing",
		"etcd://h/%00":                          "control characters",
		"etcd://h/" + strings.Repeat("k", 1025): "the key has 1025 bytes",
		"etcd://h/x?ttl=0s":                     "the TTL 0s is impossible",
		"etcd://h/x?ttl=-5s":                    "the TTL -5s is impossible",
		"etcd://h/x?ttl=1500ms":                 "the TTL 1.5s is impossible: etcd counts whole seconds",
		"etcd://h/x?ttl=2510000h":               "etcd ends at 9000000000 seconds",
		"etcd://h/x?ttl=5":                      `the TTL "5" is no duration`,
		"etcd://h/x?ttl=5s&ttl=6s":              `the parameter "ttl" is unknown or written twice`,
		"etcd://h/x?password=secret":            `the parameter "password" is unknown`,
		"etcd://h/x?%zz":                        "no list of parameters",
	} {
		_, err := lock.Parse(url)
		require.ErrorContains(t, err, says, url)
		assert.NotContains(t, err.Error(), "secret")
		assert.NotContains(t, err.Error(), "\n")
	}
}

// everything calls what asks the servers.
func everything(ctx context.Context, l lock.Locker) map[string]error {
	_, take := l.Acquire(ctx, ann)
	_, inherit := l.Inherit(ctx, ann, "7b/7")
	return map[string]error{"take": take, "inherit": inherit, "wait for": l.(lock.Waiter).Wait(ctx), "look at": l.(lock.Looker).Look(ctx)}
}

// refuses demands that every operation fails, names the lock, and says why.
func refuses(t *testing.T, l lock.Locker, says ...string) {
	t.Helper()
	for what, err := range everything(within(t), l) {
		require.Error(t, err, what)
		assert.NotErrorIs(t, err, lock.ErrHeld)
		assert.NotErrorIs(t, err, lock.ErrLost)
		assert.True(t, strings.HasPrefix(err.Error(), "lock: "+what+" "+l.String()+": "), "%v", err)
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "secret")
		assert.True(t, containsAny(err.Error(), says), "%v does not say any of %q", err, says)
	}
}

func TestBadDeclarations(t *testing.T) {
	h := []string{"127.0.0.1:1"}
	for says, l := range map[string]*etcdlock.Lock{
		"there is no server":                 etcdlock.New(nil, "x"),
		"without a scheme, user or password": etcdlock.New([]string{"http://root:secret@h"}, "x"),
		"the key is empty":                   etcdlock.New(h, ""),
		"the TTL 0s is impossible":           etcdlock.New(h, "x", etcdlock.TTL(0)),
		"the user or the password is empty":  etcdlock.New(h, "x", etcdlock.Login("", "secret")),
		"is impossible: etcd counts":         etcdlock.New(h, "x", etcdlock.TTL(time.Millisecond)),
	} {
		err := l.Check()
		require.ErrorContains(t, err, says)
		assert.NotContains(t, err.Error(), "secret")
		assert.NotContains(t, l.String(), "secret")
		refuses(t, l, says)
	}
	all := etcdlock.New(nil, "", etcdlock.TTL(0)).Check()
	for _, says := range []string{"no server", "; the key is empty", "; the TTL"} {
		assert.ErrorContains(t, all, says)
	}
	require.NoError(t, etcdlock.New(h, "x", etcdlock.TLS(nil), etcdlock.Login("u", "secret")).Check())
}

// A password is in nothing that is printed.
func TestNoSecretIsPrinted(t *testing.T) {
	l := etcdlock.New([]string{"127.0.0.1:1"}, "x", etcdlock.Login("user", "secret"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{l, *l, l.Bind("", nil)} {
			assert.NotContains(t, fmt.Sprintf(format, value), "secret")
		}
	}
	refuses(t, l, "connection refused")
}

// listen answers everybody who connects; it ends with the test.
func listen(t *testing.T, answer func(net.Conn)) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			answer(c)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// Whatever is at the address: the error says so, and names the address.
func TestNoServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	for name, c := range map[string]struct {
		addr string
		says []string
	}{
		"nothing":    {closed, []string{"connection refused"}},
		"a web site": {listen(t, speak("HTTP/1.1 400 Bad Request\r\n\r\n")), []string{"HTTP/1.1"}},
		"garbage":    {listen(t, speak(strings.Repeat("\x00\xff\n", 1000))), []string{"http2: frame too large", "connection error", "reset by peer"}},
		"a wall":     {listen(t, func(c net.Conn) { _ = c.Close() }), []string{"EOF", "reset by peer", "broken pipe"}},
		"silence":    {listen(t, func(net.Conn) {}), []string{"no server has answered in time"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := etcdlock.New([]string{c.addr}, "x", etcdlock.TTL(2*time.Second))
			require.NoError(t, l.Check())
			ctx := within(t)
			_, take := l.Acquire(ctx, ann)
			_, inherit := l.Inherit(ctx, ann, "7b/7")
			for _, err := range []error{take, inherit} {
				t.Log(err)
				require.Error(t, err)
				open(t, err)
				require.ErrorIs(t, err, lock.ErrUnreachable, "gRPC does not tell what answers there")
				assert.Contains(t, err.Error(), c.addr)
				assert.NotContains(t, err.Error(), "\n")
				assert.True(t, containsAny(err.Error(), c.says), "%v does not say any of %q", err, c.says)
			}
			// A Wait may also say that it is time to ask again.
			if err := l.Wait(ctx); err != nil {
				assert.Contains(t, err.Error(), c.addr)
			}
		})
	}
}

func speak(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = c.Write([]byte(text)) }
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// A server that accepts and never answers holds nobody longer than the context.
func TestSilenceEndsWithTheContext(t *testing.T) {
	addr := listen(t, func(net.Conn) {})
	l := etcdlock.New([]string{addr}, "x", etcdlock.TTL(time.Hour))
	ctx, cancel := context.WithCancelCause(t.Context())
	errs := make(chan map[string]error)
	go func() { errs <- everything(ctx, l) }()
	time.AfterFunc(100*time.Millisecond, func() { cancel(errEnough) })
	select {
	case all := <-errs:
		for what, err := range all {
			require.ErrorIs(t, err, errEnough, what)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on although its context has ended")
	}
}
