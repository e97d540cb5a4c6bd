package memcachedlock_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache/memcachetest"
)

// The server in memory stands for a real one: without Dial, the lock connects to
// it.
func Example() {
	server := memcachetest.NewServer(nil)
	defer server.Close()
	poller := memcachedlock.New([]string{"cache-1"}, "poller", memcachedlock.Options{
		TTL: 7 * time.Second, Dial: server.Dial,
	})
	fmt.Println(poller)
	ctx := context.Background()

	lease, err := poller.Acquire(ctx, lock.Owner{Name: "poller", PID: 4711, Host: "web-1"})
	fmt.Println("certain:", lease.TTL(), err)
	_, err = poller.Acquire(ctx, lock.Owner{Name: "poller", PID: 815, Host: "web-2"})
	fmt.Println(err)

	server.Restart() // a cache forgets
	fmt.Println("lost:", errors.Is(lease.Renew(ctx), lock.ErrLost))
	next, err := poller.Acquire(ctx, lock.Owner{Name: "poller", PID: 815, Host: "web-2"})
	fmt.Println("a greater token:", next.Token() > lease.Token(), err)
	// Output:
	// memcached://cache-1:11211/poller?ttl=7s
	// certain: 5s <nil>
	// lock memcached://cache-1:11211/poller?ttl=7s is held by poller, PID 4711 on web-1
	// lost: true
	// a greater token: true <nil>
}
