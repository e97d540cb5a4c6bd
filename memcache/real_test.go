package memcache_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

var restarts = flag.Int("memcache.restarts", 20, "how often TestRestartsUnderLoad restarts the server")

// load is what a user of the cache does over and over.
type load struct {
	c    *memcache.Client
	name string
	n    int
}

// once does every command once. What a server that forgets may answer is no
// error.
func (l *load) once(ctx context.Context) error {
	l.n++
	key := fmt.Sprint(l.name, "-", l.n%10)
	value := fmt.Appendf(nil, "%s-%d", l.name, l.n)
	i := memcache.Item{Key: key, Value: value, Unique: true}
	forgotten := func(err error) error {
		for _, ok := range []error{memcache.ErrMiss, memcache.ErrNotStored, memcache.ErrConflict} {
			if errors.Is(err, ok) {
				return nil
			}
		}
		return err
	}
	got, read := l.c.Get(ctx, key)
	if read == nil {
		got.Value, got.Unique = value, true
		if err := forgotten(l.c.CompareAndSwap(ctx, got)); err != nil {
			return err
		}
	}
	_, multi := l.c.GetMulti(ctx, key, "other")
	return errors.Join(forgotten(read), multi,
		l.c.Set(ctx, i),
		forgotten(l.c.Touch(ctx, key, time.Minute)),
		forgotten(l.c.Replace(ctx, i)),
		forgotten(l.c.Delete(ctx, key)),
		forgotten(l.c.Add(ctx, i)),
	)
}

// The server is killed and started again, over and over, while eight users go on.
// None of them gets an error.
func TestRestartsUnderLoad(t *testing.T) {
	server := memcachetest.Start(t)
	c := client(t, []string{server.Address()}, memcache.Options{Timeout: time.Minute})
	space := c.Namespace("space")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var rounds atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			l := &load{c: []*memcache.Client{c, space}[n%2], name: fmt.Sprint("user-", n)}
			for ctx.Err() == nil {
				// Its own context goes on, so that the end is no error.
				if !assert.NoError(t, l.once(context.Background())) {
					return
				}
				rounds.Add(1)
			}
		})
	}
	for range *restarts {
		before := rounds.Load()
		require.Eventually(t, func() bool { return rounds.Load() >= before+16 || t.Failed() }, time.Minute, time.Millisecond)
		server.Restart()
	}
	stop()
	all.Wait()
	t.Logf("%d restarts, %d rounds of 7 commands, no error", *restarts, rounds.Load())
}

// The first command after a restart of the server, or of what is before it, meets a
// connection that is closed. It is not even sent there: an Increment is not
// ambiguous.
func TestFirstCommandOnAClosedConnection(t *testing.T) {
	server := memcachetest.Start(t)
	proxy := memcachetest.NewProxy(t, server.Address())
	var dialled *net.TCPConn
	c := client(t, []string{proxy.Address()}, memcache.Options{
		Timeout: time.Minute, AttemptTimeout: time.Minute,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				dialled = conn.(*net.TCPConn)
			}
			return conn, err
		},
	})
	require.NoError(t, c.Set(t.Context(), item("7")))
	for n := range 5 {
		proxy.Cut()
		require.Eventually(t, func() bool { return ended(t, dialled) }, time.Minute, time.Millisecond)
		sum, err := c.Increment(t.Context(), "k", 1)
		require.NoError(t, err)
		assert.Equal(t, uint64(8+n), sum)
	}
	server.Restart()
	require.ErrorIs(t, second(c.Increment(t.Context(), "k", 1)), memcache.ErrMiss)
}

// ended reports whether a connection was closed at its other end. It reads
// nothing.
func ended(t *testing.T, c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	var n int
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		n, _, failed = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}))
	return n == 0 && failed == nil || errors.Is(failed, syscall.ECONNRESET)
}

// A server that stands still costs the time-out; when it goes on, all is well.
func TestStoppedServer(t *testing.T) {
	server := memcachetest.Start(t)
	c := client(t, []string{server.Address()}, memcache.Options{Timeout: time.Minute, AttemptTimeout: 250 * time.Millisecond})
	require.NoError(t, c.Set(t.Context(), item("old")))
	server.Stop()
	err := second(c.WithTimeout(600*time.Millisecond).Get(t.Context(), "k"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, err.Error(), server.Address())
	server.Continue()
	has(t, c, "old")
}

// pauses is a clock by which something happens in each pause between two attempts.
type pauses struct {
	clockwork.Clock
	then func()
}

func (p pauses) NewTimer(d time.Duration) clockwork.Timer {
	if d < time.Second { // else it bounds an attempt
		p.then()
	}
	return p.Clock.NewTimer(d)
}

func TestNobodyListens(t *testing.T) {
	server := memcachetest.Start(t)
	server.Kill()
	ctx, giveUp := context.WithCancelCause(t.Context())
	c := client(t, []string{server.Address()}, memcache.Options{
		Timeout: time.Hour, Clock: pauses{clockwork.Real(), func() { giveUp(context.DeadlineExceeded) }},
	})
	err := c.Set(ctx, item("x"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, err.Error(), server.Address())
	assert.Contains(t, err.Error(), "connection refused: is memcached running there?")
	var op net.Error
	require.ErrorAs(t, err, &op)
}

// A server that counts no writes cannot compare.
func TestServerWithoutCAS(t *testing.T) {
	server := memcachetest.Start(t, "-C")
	c := client(t, []string{server.Address()}, memcache.Options{Timeout: time.Minute})
	require.NoError(t, c.Set(t.Context(), item("x")))
	got, err := c.Get(t.Context(), "k")
	require.NoError(t, err)
	err = c.CompareAndSwap(t.Context(), got)
	require.ErrorIs(t, err, memcache.ErrServer)
	assert.Contains(t, err.Error(), "-C")
}

// A full server evicts, and goes on.
func TestFullServer(t *testing.T) {
	server := memcachetest.Start(t, "-m", "2")
	c := client(t, []string{server.Address()}, memcache.Options{Timeout: time.Minute})
	require.NoError(t, c.Set(t.Context(), item("x")))
	value := make([]byte, 500<<10)
	for n := 0; ; n++ {
		require.Less(t, n, 1000, "nothing is evicted")
		require.NoError(t, c.Set(t.Context(), memcache.Item{Key: fmt.Sprint("large-", n), Value: value}))
		if n > 0 && errors.Is(second(c.Get(t.Context(), "large-0")), memcache.ErrMiss) {
			break
		}
	}
}
