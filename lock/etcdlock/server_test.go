package etcdlock_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// server is an etcd within the test, on free ports of the loopback.
type server struct {
	dir    string
	change func(*embed.Config)
	etcd   *embed.Etcd
}

// launchServer starts a server on the data of that folder, which may have to wait for
// others: see ready.
func launchServer(dir string, change func(*embed.Config)) (*server, error) {
	config := embed.NewConfig()
	config.Dir = dir
	config.LogLevel, config.LogOutputs = "panic", []string{os.DevNull}
	config.UnsafeNoFsync = true // nothing here outlives the machine, and a disk may be busy for seconds
	any := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{any}, []url.URL{any}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{any}, []url.URL{any}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	if change != nil {
		change(config)
	}
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	return &server{dir: dir, change: change, etcd: etcd}, nil
}

// ready waits until the server serves, or ends it.
func (s *server) ready() (err error) {
	select {
	case <-s.etcd.Server.ReadyNotify():
		return nil
	case err = <-s.etcd.Err():
	case <-time.After(time.Minute):
		err = context.DeadlineExceeded
	}
	s.etcd.Close()
	return fmt.Errorf("start etcd: %w", err)
}

// startServer starts a server that needs no other.
func startServer(dir string, change func(*embed.Config)) (*server, error) {
	s, err := launchServer(dir, change)
	if err == nil {
		err = s.ready()
	}
	return s, err
}

func (s *server) addr() string { return s.etcd.Clients[0].Addr().String() }

// newServer starts a server that ends with the test.
func newServer(t testing.TB, change func(*embed.Config)) *server {
	s, err := startServer(t.TempDir(), change)
	require.NoError(t, err)
	t.Cleanup(func() { s.etcd.Close() })
	return s
}

// restart ends the server, and starts it on its own data, at another address.
func (s *server) restart(t testing.TB) {
	s.etcd.Close()
	again, err := startServer(s.dir, s.change)
	require.NoError(t, err)
	s.etcd = again.etcd
}

// sharedServer is the one for all tests that do it no harm.
type sharedServer struct {
	once   sync.Once
	server *server
	dir    string
	err    error
	keys   atomic.Int64
}

var shared sharedServer

func (s *sharedServer) get() (*server, error) {
	s.once.Do(func() {
		if s.dir, s.err = os.MkdirTemp("", "etcdlock"); s.err == nil {
			s.server, s.err = startServer(s.dir, nil)
		}
	})
	return s.server, s.err
}

func (s *sharedServer) start(t testing.TB) *server {
	server, err := s.get()
	require.NoError(t, err)
	return server
}

func (s *sharedServer) stop() {
	if s.server != nil {
		s.server.etcd.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// key returns a key that no other test has.
func (s *sharedServer) key() string { return fmt.Sprintf("locks/%d", s.keys.Add(1)) }

// admin is a client that does what it likes with the keys.
func admin(t testing.TB, s *server) *clientv3.Client {
	return clientOf(t, clientv3.Config{Endpoints: []string{s.addr()}})
}

func clientOf(t testing.TB, config clientv3.Config) *clientv3.Client {
	c, err := clientv3.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// within bounds what should not take long.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// receive waits for a value, which should not take long.
func receive[T any](t testing.TB, c <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-within(t).Done():
		require.FailNow(t, "nothing comes")
	}
	return value
}
