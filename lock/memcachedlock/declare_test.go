package memcachedlock_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache/memcachetest"
)

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"memcached://cache-1:11211/poller?ttl=7s":         "memcached://cache-1:11211/poller?ttl=7s",
		"memcached://cache-1/poller":                      "memcached://cache-1:11211/poller?ttl=10s",
		"MEMCACHED://b:2,a:1,b:2/poller?ttl=60s":          "memcached://a:1,b:2/poller?ttl=1m0s",
		"memcached://[::1]:11211/a/b:c?ttl=4s":            "memcached://[::1]:11211/a%2Fb:c?ttl=4s",
		"memcached://cache-1/50%25%3F%23%40x":             "memcached://cache-1:11211/50%25%3F%23%40x?ttl=10s",
		"memcached://cache-1/poller?ttl=5s&ttl=6s":        "memcached://cache-1:11211/poller?ttl=6s",
		"memcached://cache-1/" + strings.Repeat("x", 200): "memcached://cache-1:11211/" + strings.Repeat("x", 200) + "?ttl=10s",
	} {
		l, err := lock.Parse(url)
		require.NoError(t, err, url)
		assert.Equal(t, want, l.String())
		again, err := lock.Parse(l.String())
		require.NoError(t, err, url)
		assert.Equal(t, want, again.String())
	}
}

func TestBadURLs(t *testing.T) {
	for url, says := range map[string]string{
		"memcached:":                                   "memcached://host:port/key",
		"memcached:host/key":                           "memcached://host:port/key",
		"memcached://host":                             "memcached://host:port/key",
		"memcached:///key":                             "host:port",
		"memcached://host/":                            "empty",
		"memcached://host/a%20b":                       "blanks",
		"memcached://host/a%0d%0aflush_all":            "blanks or control",
		"memcached://host/a%zz":                        "escape",
		"memcached://host/" + strings.Repeat("x", 251): "251 bytes",
		"memcached://host/" + strings.Repeat("x", 245): "token",
		"memcached://host:port/key":                    "port",
		"memcached://host:0/key":                       "port",
		"memcached://host,/key":                        "host:port",
		"memcached://host/key?ttl=2s":                  "too short",
		"memcached://host/key?ttl=0s":                  "too short",
		"memcached://host/key?ttl=-5s":                 "too short",
		"memcached://host/key?ttl=25h":                 "too long",
		"memcached://host/key?ttl=4500ms":              "write 5s",
		"memcached://host/key?ttl=ten":                 "ttl=10s",
		"memcached://host/key?tll=10s":                 "tll",
	} {
		_, err := lock.Parse(url)
		require.Error(t, err, url)
		assert.Contains(t, err.Error(), says, url)
		assert.NotContains(t, err.Error(), "\n")
	}
	for _, url := range []string{"memcached://user:secret@host/key", "memcached://user:sec/ret@host/key"} {
		_, err := lock.Parse(url)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "sec")
	}
}

// What New cannot refuse, Check and all others do, before anything is sent.
func TestBadDeclarations(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		t.Error("something was sent")
		return nil, errors.New("no")
	}
	good := []string{"host"}
	for name, l := range map[string]*memcachedlock.Lock{
		"no server": memcachedlock.New(nil, "key", memcachedlock.Options{Dial: dial}),
		"bad port":  memcachedlock.New([]string{"host:x"}, "key", memcachedlock.Options{Dial: dial}),
		"no key":    memcachedlock.New(good, "", memcachedlock.Options{Dial: dial}),
		"long key":  memcachedlock.New(good, strings.Repeat("x", 250), memcachedlock.Options{Dial: dial}),
		"blank key": memcachedlock.New(good, "my lock", memcachedlock.Options{Dial: dial}),
		"short TTL": memcachedlock.New(good, "key", memcachedlock.Options{TTL: time.Second, Dial: dial}),
		"long TTL":  memcachedlock.New(good, "key", memcachedlock.Options{TTL: 48 * time.Hour, Dial: dial}),
		"broken":    memcachedlock.New(good, "key", memcachedlock.Options{TTL: 4500 * time.Millisecond, Dial: dial}),
	} {
		errs := []error{l.Check(), l.Wait(t.Context()), l.Look(t.Context()), l.Bind("", nil).Check(), l.Bind("", nil).(*memcachedlock.Lock).Check()}
		_, err := l.Acquire(t.Context(), owner(1))
		errs = append(errs, err)
		_, err = l.Inherit(t.Context(), owner(1), "memcached:00112233445566778899aabbccddeeff")
		for _, err := range append(errs, err) {
			require.Error(t, err, name)
			require.NotErrorIs(t, err, lock.ErrHeld)
			assert.Contains(t, err.Error(), "lock: ")
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

func TestTTL(t *testing.T) {
	for _, c := range []struct{ set, interval, want time.Duration }{
		{0, 0, 4 * time.Second},
		{0, 500 * time.Millisecond, 4 * time.Second},
		{0, 5 * time.Second, 7 * time.Second},
		{0, 5*time.Second + 1, 8 * time.Second},
		{0, 1000 * time.Hour, 24 * time.Hour},
		{20 * time.Second, 5 * time.Second, 20 * time.Second},
	} {
		l := memcachedlock.New([]string{"host"}, "key", memcachedlock.Options{TTL: c.set}).BindInterval(c.interval)
		assert.Contains(t, l.String(), "?ttl="+c.want.String())
	}
	synctest.Test(t, func(t *testing.T) {
		lease, err := newWorld(t).lock(memcachedlock.Options{}).Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		assert.Equal(t, 8*time.Second, lease.TTL(), "10 s, less the two seconds that are not certain")
	})
}

// All daemons find the same server, in whatever order they name several.
func TestServers(t *testing.T) {
	one, two := memcachetest.Start(t), memcachetest.Start(t)
	for n := range 8 {
		key := strings.Repeat("k", n+1)
		a := memcachedlock.New([]string{one.Address(), two.Address()}, key, memcachedlock.Options{})
		b := memcachedlock.New([]string{two.Address(), one.Address(), two.Address()}, key, memcachedlock.Options{})
		lease, err := a.Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		_, err = b.Acquire(t.Context(), owner(2))
		require.ErrorIs(t, err, lock.ErrHeld)
		require.NoError(t, lease.Release(t.Context()))
	}
}

// A server that cannot be reached, or is no memcached, is named.
func TestBadServers(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"connection refused": nil,
		"220 mail":           func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example.com ESMTP\r\n")) },
		"no answer":          func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			address := listen(t, serve)
			l := memcachedlock.New([]string{address}, "key", memcachedlock.Options{TTL: 4 * time.Second})
			err := l.Check()
			require.Error(t, err)
			_, taken := l.Acquire(t.Context(), owner(1))
			for _, err := range []error{err, taken, l.Wait(t.Context())} {
				require.Error(t, err)
				require.NotErrorIs(t, err, lock.ErrHeld)
				require.NotErrorIs(t, err, lock.ErrLost)
				assert.Equal(t, name != "220 mail", errors.Is(err, lock.ErrUnreachable), "%v", err)
				assert.Contains(t, err.Error(), address)
				assert.Contains(t, err.Error(), name)
				assert.NotContains(t, err.Error(), "\n")
			}
		})
	}
}

// listen returns an address where serve gets each connection; nil for one where
// nobody listens.
func listen(t *testing.T, serve func(net.Conn)) string {
	server := memcachetest.Start(t)
	server.Kill() // its port is free
	if serve == nil {
		return server.Address()
	}
	l, err := net.Listen("tcp", server.Address())
	require.NoError(t, err)
	var conns []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
			serve(c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range conns {
			c.Close()
		}
	})
	return server.Address()
}

// A key that something else uses is no lock that is held.
func TestForeignValues(t *testing.T) {
	for _, text := range []string{"", "7", "null", "{}", `{"id":"x"}`, "\x00\xff\n"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Set("x", text, 0)
			l := w.lock(memcachedlock.Options{})
			_, err := l.Acquire(t.Context(), owner(1))
			for _, err := range []error{err, l.Check()} {
				require.ErrorContains(t, err, "which is no lock")
				require.NotErrorIs(t, err, lock.ErrHeld)
				assert.NotContains(t, err.Error(), "\n")
			}
		})
	}
}

// What others have written cannot forge a line of the log.
func TestForgedDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		text := strings.Replace(thief, `"thief"`, `"x\n[2026-01-01] 1 forged\u001b[31m"`, 1)
		w.Set("x", text, 0)
		_, err := w.lock(memcachedlock.Options{}).Acquire(t.Context(), owner(1))
		require.ErrorIs(t, err, lock.ErrHeld)
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "\x1b")
	})
}
