package etcdlock_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

// A flag or a configuration file names the lock by its URL.
func Example() {
	l, err := lock.Parse("etcd://10.0.0.1,10.0.0.2,10.0.0.3/locks/poller")
	fmt.Println(l, err)

	_, err = lock.Parse("etcd://10.0.0.1/locks/poller?ttl=100ms")
	fmt.Println(err)
	// Output:
	// etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379/locks/poller?ttl=5s <nil>
	// lock: etcd: the TTL 100ms is impossible: etcd counts whole seconds, from 1s on
}

// A daemon does all of this by itself: core.WithLock(l) is enough.
func ExampleNew() {
	server, err := shared.get()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	l := etcdlock.New([]string{server.addr()}, "locks/poller",
		etcdlock.TTL(10*time.Second), etcdlock.Login("poller", "secret"))
	lease, err := l.Acquire(ctx, lock.Owner{Name: "poller", PID: 4711, Host: "web1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("TTL", lease.TTL())

	_, err = l.Acquire(ctx, lock.Owner{Name: "poller", PID: 4712, Host: "web2"})
	var held *lock.HeldError
	fmt.Println(errors.As(err, &held), held.Holder.PID)

	fmt.Println(lease.Renew(ctx), lease.Release(ctx))
	// Output:
	// TTL 10s
	// true 4711
	// <nil> <nil>
}
