package memcache_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

// trap is a fault that the next command of a verb meets, once it is armed.
type trap struct {
	armed atomic.Bool
	met   atomic.Int64
	then  func() // carried out with it
}

func (tr *trap) fault(verb string, f memcachetest.Fault) func(memcachetest.Command) memcachetest.Fault {
	return func(c memcachetest.Command) memcachetest.Fault {
		if c.Verb != verb || !tr.armed.CompareAndSwap(true, false) {
			return memcachetest.Fault{}
		}
		tr.met.Add(1)
		if tr.then != nil {
			tr.then()
		}
		return f
	}
}

// trapped returns a client whose next command of a verb meets a fault, when armed.
func trapped(t *testing.T, verb string, f memcachetest.Fault) (*memcachetest.Server, *memcache.Client, *trap) {
	server, o := fake(t)
	tr := new(trap)
	server.Fault = tr.fault(verb, f)
	return server, client(t, []string{"x"}, o), tr
}

// lossy are the ways in which an answer does not come.
var lossy = map[string]memcachetest.Fault{
	"not carried out": {Loses: true},
	"carried out":     {LosesAnswer: true},
	"hangs before":    {Hangs: true},
	"hangs after":     {Hangs: true, LosesAnswer: true},
}

func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func item(value string) memcache.Item {
	return memcache.Item{Key: "k", Value: []byte(value), Unique: true}
}

func second[T any](_ T, err error) error { return err }

// What may be repeated is, and the caller does not notice.
func TestLostAnswersAreRepeated(t *testing.T) {
	for verb, command := range map[string]func(ctx context.Context, c *memcache.Client) error{
		"set":     func(ctx context.Context, c *memcache.Client) error { return c.Set(ctx, item("new")) },
		"replace": func(ctx context.Context, c *memcache.Client) error { return c.Replace(ctx, item("new")) },
		"touch":   func(ctx context.Context, c *memcache.Client) error { return c.Touch(ctx, "k", time.Hour) },
		"delete":  func(ctx context.Context, c *memcache.Client) error { return c.Delete(ctx, "k") },
		"gets":    func(ctx context.Context, c *memcache.Client) error { return second(c.Get(ctx, "k")) },
	} {
		for name, f := range lossy {
			bubble(t, verb+" "+name, func(t *testing.T) {
				_, c, tr := trapped(t, verb, f)
				require.NoError(t, c.Set(t.Context(), item("old")))
				tr.armed.Store(true)
				require.NoError(t, command(t.Context(), c))
				assert.Equal(t, int64(1), tr.met.Load())
			})
		}
	}
}

// Add and CompareAndSwap of a unique value find out what has become of it.
func TestUniqueValuesAreResolved(t *testing.T) {
	for name, f := range lossy {
		bubble(t, "add "+name, func(t *testing.T) {
			_, c, tr := trapped(t, "add", f)
			tr.armed.Store(true)
			require.NoError(t, c.Add(t.Context(), item("mine")))
			has(t, c, "mine")
		})
		bubble(t, "add beside another "+name, func(t *testing.T) {
			server, c, tr := trapped(t, "add", f)
			require.NoError(t, c.Set(t.Context(), item("theirs")))
			tr.armed.Store(true)
			require.ErrorIs(t, c.Add(t.Context(), item("mine")), memcache.ErrNotStored)
			has(t, c, "theirs")
			_ = server
		})
		bubble(t, "cas "+name, func(t *testing.T) {
			_, c, tr := trapped(t, "cas", f)
			require.NoError(t, c.Set(t.Context(), item("old")))
			got, err := c.Get(t.Context(), "k")
			require.NoError(t, err)
			got.Value, got.Unique = []byte("mine"), true
			tr.armed.Store(true)
			require.NoError(t, c.CompareAndSwap(t.Context(), got))
			has(t, c, "mine")
		})
		bubble(t, "cas beside another "+name, func(t *testing.T) {
			server, c, tr := trapped(t, "cas", f)
			require.NoError(t, c.Set(t.Context(), item("old")))
			got, err := c.Get(t.Context(), "k")
			require.NoError(t, err)
			require.NoError(t, c.Set(t.Context(), item("theirs")))
			got.Value, got.Unique = []byte("mine"), true
			tr.armed.Store(true)
			require.ErrorIs(t, c.CompareAndSwap(t.Context(), got), memcache.ErrConflict)
			has(t, c, "theirs")
			server.Evict("k")
			tr.armed.Store(true)
			require.ErrorIs(t, c.CompareAndSwap(t.Context(), got), memcache.ErrMiss)
		})
	}
}

func has(t *testing.T, c *memcache.Client, value string) {
	t.Helper()
	got, err := c.Get(t.Context(), "k")
	require.NoError(t, err)
	assert.Equal(t, value, string(got.Value))
}

// What cannot be found out is said, and not repeated.
func TestWhatIsAmbiguousIsSaid(t *testing.T) {
	bubble(t, "increment", func(t *testing.T) {
		_, c, tr := trapped(t, "incr", memcachetest.Fault{LosesAnswer: true})
		require.NoError(t, c.Set(t.Context(), item("7")))
		tr.armed.Store(true)
		require.ErrorIs(t, second(c.Increment(t.Context(), "k", 1)), memcache.ErrAmbiguous)
		has(t, c, "8")
	})
	bubble(t, "increment of what is gone", func(t *testing.T) {
		server, c, tr := trapped(t, "incr", memcachetest.Fault{Loses: true})
		require.NoError(t, c.Set(t.Context(), item("7")))
		tr.then = server.Restart
		tr.armed.Store(true)
		require.ErrorIs(t, second(c.Increment(t.Context(), "k", 1)), memcache.ErrMiss)
	})
	bubble(t, "add of a value that is not unique", func(t *testing.T) {
		_, c, tr := trapped(t, "add", memcachetest.Fault{LosesAnswer: true})
		tr.armed.Store(true)
		require.ErrorIs(t, c.Add(t.Context(), memcache.Item{Key: "k", Value: []byte("x")}), memcache.ErrAmbiguous)
		has(t, c, "x")
	})
	bubble(t, "cas of a value that is not unique", func(t *testing.T) {
		_, c, tr := trapped(t, "cas", memcachetest.Fault{LosesAnswer: true})
		require.NoError(t, c.Set(t.Context(), item("old")))
		got, err := c.Get(t.Context(), "k")
		require.NoError(t, err)
		tr.armed.Store(true)
		require.ErrorIs(t, c.CompareAndSwap(t.Context(), got), memcache.ErrAmbiguous)
	})
	bubble(t, "the time is over", func(t *testing.T) {
		server, c, tr := trapped(t, "add", memcachetest.Fault{LosesAnswer: true})
		tr.then = func() { go server.SetDown(true) }
		tr.armed.Store(true)
		err := c.Add(t.Context(), item("mine"))
		require.ErrorIs(t, err, memcache.ErrAmbiguous)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		err = c.Set(t.Context(), item("x"))
		require.NotErrorIs(t, err, memcache.ErrAmbiguous)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "x:11211")
		assert.Contains(t, err.Error(), "connection refused")
	})
	bubble(t, "what was never sent is not", func(t *testing.T) {
		server, o := fake(t)
		server.SetDown(true)
		err := client(t, []string{"x"}, o).Add(t.Context(), item("mine"))
		require.NotErrorIs(t, err, memcache.ErrAmbiguous)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A server that comes back within the time-out costs a pause.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := fake(t)
		o.Timeout = 10 * time.Second
		c := client(t, []string{"x"}, o)
		require.NoError(t, c.Set(t.Context(), item("old")))
		server.SetDown(true)
		time.AfterFunc(7*time.Second, func() { server.SetDown(false) })
		began := time.Now()
		has(t, c, "old")
		assert.InDelta(t, 7.3, time.Since(began).Seconds(), 0.3)

		server.SetDown(true)
		began = time.Now()
		require.Error(t, c.Set(t.Context(), item("new")))
		assert.Equal(t, 10*time.Second, time.Since(began), "the client's time-out")
		began = time.Now()
		require.Error(t, c.WithTimeout(time.Second).Set(t.Context(), item("new")))
		assert.Equal(t, time.Second, time.Since(began), "another one")

		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(enough) })
		began = time.Now()
		require.ErrorIs(t, c.WithTimeout(-1).Set(ctx, item("new")), enough)
		assert.Equal(t, time.Minute, time.Since(began), "the caller's context")
	})
}

// A call that ends within an attempt tells what the one before it has met.
func TestTheLastAnswerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, o := fake(t)
		dials := 0
		o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			if dials++; dials == 1 {
				return nil, syscall.ECONNREFUSED
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		o.AttemptTimeout = time.Minute
		err := second(client(t, []string{"x"}, o).Get(t.Context(), "k"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Equal(t, 2, dials)
	})
}

// A server that accepts and never answers costs the time-out and no more, and
// its error says so.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := fake(t)
		server.Fault = func(memcachetest.Command) memcachetest.Fault { return memcachetest.Fault{Hangs: true} }
		c := client(t, []string{"x"}, o)
		for verb, command := range map[string]func() error{
			"get": func() error { return second(c.Get(t.Context(), "k")) },
			"add": func() error { return c.Add(t.Context(), item("x")) },
		} {
			began := time.Now()
			err := command()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 3*time.Second, time.Since(began), verb)
			assert.Equal(t, verb == "add", errors.Is(err, memcache.ErrAmbiguous))
			assert.Contains(t, err.Error(), "x:11211")
		}
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Millisecond, func() { cancel(enough) })
		began := time.Now()
		require.ErrorIs(t, second(c.Get(ctx, "k")), enough)
		assert.Equal(t, 10*time.Millisecond, time.Since(began))
	})
}

// The questions about a namespace's version are a part of the call.
func TestNamespaceHasNoTimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := fake(t)
		server.Fault = func(c memcachetest.Command) memcachetest.Fault {
			return memcachetest.Fault{Takes: 900 * time.Millisecond, Hangs: c.Verb == "add"}
		}
		began := time.Now()
		err := second(client(t, []string{"x"}, o).Namespace("shop").Get(t.Context(), "k"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(began))
	})
}

// A dial that hangs ends with the attempt, too.
func TestSilentDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, o := fake(t)
		o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		err := second(client(t, []string{"x"}, o).Get(t.Context(), "k"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// What is no memcached is said to be none, at once.
func TestGarbage(t *testing.T) {
	for _, says := range []string{
		"\n", "\r\n", "220 mail.example.com ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n", "VALUE\r\n", "VALUE k\r\n",
		"VALUE k 0 x\r\n", "VALUE k 0 3 1\r\nabcdef\r\n", "VALUE other 0 1 1\r\nx\r\nEND\r\n", "STORED", "-1\r\n",
		strings.Repeat("x", 10_000), "\x00\x01\x02\n", "12", "CLIENT_ERRO", "CLIENT_ERROR \n",
	} {
		bubble(t, says[:min(len(says), 30)], func(t *testing.T) {
			server, o := fake(t)
			server.Fault = func(memcachetest.Command) memcachetest.Fault { return memcachetest.Fault{Says: says} }
			c := client(t, []string{"x"}, o)
			ctx := t.Context()
			for name, command := range map[string]func() error{
				"get":       func() error { return second(c.Get(ctx, "k")) },
				"multi":     func() error { return second(c.GetMulti(ctx, "k")) },
				"set":       func() error { return c.Set(ctx, item("x")) },
				"add":       func() error { return c.Add(ctx, item("x")) },
				"touch":     func() error { return c.Touch(ctx, "k", 0) },
				"delete":    func() error { return c.Delete(ctx, "k") },
				"increment": func() error { return second(c.Increment(ctx, "k", 1)) },
			} {
				err := command()
				require.Error(t, err, name)
				assert.Contains(t, err.Error(), "x:11211")
				if strings.HasSuffix(says, "\n") && !strings.HasPrefix(says, "CLIENT") {
					require.ErrorIs(t, err, memcache.ErrProtocol, name)
				}
			}
		})
	}
}

// A refused command is not repeated.
func TestServerErrors(t *testing.T) {
	for _, says := range []string{"SERVER_ERROR out of memory storing object", "ERROR", "CLIENT_ERROR bad data chunk"} {
		bubble(t, says, func(t *testing.T) {
			server, o := fake(t)
			var asked int
			server.Fault = func(memcachetest.Command) memcachetest.Fault {
				asked++
				return memcachetest.Fault{Says: says + "\r\n"}
			}
			err := client(t, []string{"x"}, o).Set(t.Context(), item("x"))
			require.ErrorIs(t, err, memcache.ErrServer)
			assert.Contains(t, err.Error(), says)
			assert.Equal(t, 1, asked)
		})
	}
	bubble(t, "too many connections", func(t *testing.T) {
		_, c, tr := trapped(t, "set", memcachetest.Fault{Says: "ERROR Too many open connections\r\n"})
		tr.armed.Store(true)
		require.NoError(t, c.Set(t.Context(), item("x")), "it is tried again")
	})
}

// After a restart the server counts its writes from 1 on, so that another item
// can have the number of the one that was read.
func TestSwapIsSafeAcrossARestart(t *testing.T) {
	for _, cut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			server, o := fake(t)
			c, other := client(t, []string{"x"}, o), client(t, []string{"x"}, o)
			require.NoError(t, c.Set(t.Context(), item("mine")))
			got, err := c.Get(t.Context(), "k")
			require.NoError(t, err)
			server.Restart()
			require.NoError(t, other.Set(t.Context(), item("theirs"))) // write 1 again
			if cut {
				require.NoError(t, c.Set(t.Context(), memcache.Item{Key: "unrelated"})) // connected again already
			}
			got.Value = []byte("mine, too")
			require.ErrorIs(t, c.CompareAndSwap(t.Context(), got), memcache.ErrConflict)
			has(t, c, "theirs")
		})
	}
	bubble(t, "the same value", func(t *testing.T) {
		server, o := fake(t)
		c := client(t, []string{"x"}, o)
		require.NoError(t, c.Set(t.Context(), item("old")))
		got, err := c.Get(t.Context(), "k")
		require.NoError(t, err)
		server.Cut()
		got.Value = []byte("new")
		require.NoError(t, c.CompareAndSwap(t.Context(), got), "a cut connection is no conflict")
		has(t, c, "new")
	})
}

// The version of a namespace that the server has lost is not used again, so that
// nothing old comes back.
func TestNamespaceOutlivesItsVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := fake(t)
		a, b := client(t, []string{"x"}, o).Namespace("shop"), client(t, []string{"x"}, o).Namespace("shop")
		require.NoError(t, a.Set(t.Context(), item("old")))
		server.Evict("shop::version")
		for _, c := range []*memcache.Client{a, b} {
			require.ErrorIs(t, second(c.Get(t.Context(), "k")), memcache.ErrMiss)
		}
		require.NoError(t, a.Set(t.Context(), item("new")))
		has(t, b, "new")
		assert.Len(t, server.Keys(), 3)
	})
}

// A version from memory is used for its time, and not longer.
func TestVersionAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := fake(t)
		var asked int
		server.Fault = func(c memcachetest.Command) memcachetest.Fault {
			if c.Key == "shop::version" {
				asked++
			}
			return memcachetest.Fault{}
		}
		o.VersionAge = time.Minute
		a, b := client(t, []string{"x"}, o).Namespace("shop"), client(t, []string{"x"}, o).Namespace("shop")
		require.NoError(t, a.Set(t.Context(), item("old")))
		first := asked
		has(t, a, "old")
		assert.Equal(t, first, asked)
		require.NoError(t, b.FlushNamespace(t.Context()))
		has(t, a, "old")
		time.Sleep(time.Minute)
		require.ErrorIs(t, second(a.Get(t.Context(), "k")), memcache.ErrMiss)
	})
}

// The item of a TTL of n seconds lives for more than n−1 and at most n of them.
func TestWholeSeconds(t *testing.T) {
	for _, phase := range []time.Duration{0, 1, time.Millisecond, 500 * time.Millisecond, time.Second - 1} {
		synctest.Test(t, func(t *testing.T) {
			server, o := fake(t)
			server.SetLag(phase)
			c := client(t, []string{"x"}, o)
			began := time.Now()
			i := item("x")
			i.TTL = 2500 * time.Millisecond // which is 3 s
			require.NoError(t, c.Set(t.Context(), i))
			for {
				if err := second(c.Get(t.Context(), "k")); err != nil {
					require.ErrorIs(t, err, memcache.ErrMiss)
					break
				}
				time.Sleep(time.Millisecond)
			}
			lived := time.Since(began)
			assert.Greater(t, lived, 2*time.Second)
			assert.LessOrEqual(t, lived, 3*time.Second+time.Millisecond)
		})
	}
}

func TestBadServers(t *testing.T) {
	for _, servers := range [][]string{nil, {""}, {"a b"}, {"host:x"}, {"host:0"}, {"host:99999"}, {"ok", ":1"}, {"user@host"}, {"a/b"}, {"::1"}} {
		c := memcache.New(servers, memcache.Options{})
		err := second(c.Get(t.Context(), "k"))
		require.Error(t, err, "%q", servers)
		require.Error(t, second(c.GetMulti(t.Context(), "k")))
		require.Error(t, c.Namespace("x").FlushNamespace(t.Context()))
		assert.Empty(t, c.Server("k"))
	}
	for given, want := range map[string]string{
		"host": "host:11211", "host:1": "host:1", "[::1]": "[::1]:11211", "[::1]:5": "[::1]:5", "1.2.3.4": "1.2.3.4:11211",
	} {
		got, err := memcache.Address(given)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, space := range []string{"", "a b", "a:b", strings.Repeat("x", 101)} {
		c := memcache.New([]string{"host"}, memcache.Options{}).Namespace(space)
		require.ErrorIs(t, second(c.Get(t.Context(), "k")), memcache.ErrKey, "%q", space)
	}
}

// The end of a GetWait can come while it asks.
func TestGetWaitEndsWhileItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, o := fake(t)
		var asked int
		server.Fault = func(memcachetest.Command) memcachetest.Fault {
			asked++
			return memcachetest.Fault{Hangs: asked > 2}
		}
		err := second(client(t, []string{"x"}, o).GetWait(t.Context(), "k"))
		require.ErrorIs(t, err, memcache.ErrMiss)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "none has appeared")

		err = second(client(t, []string{"x"}, o).GetWait(t.Context(), "k"))
		require.NotErrorIs(t, err, memcache.ErrMiss, "nobody has ever answered")
	})
}
