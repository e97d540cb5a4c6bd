package memcache_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

// The server in memory stands for a real one: without Dial, the client connects
// to it.
func Example() {
	server := memcachetest.NewServer(nil)
	defer server.Close()
	cache := memcache.New([]string{"localhost:11211"}, memcache.Options{Timeout: 2 * time.Second, Dial: server.Dial})
	defer cache.Close()
	ctx := context.Background()

	shop := cache.Namespace("shop")
	prices := memcache.Of(shop, memcache.Number[float64]())
	_ = prices.Set(ctx, "tea", 3.5, time.Hour)
	_ = prices.Set(ctx, "coffee", 4, time.Hour)

	server.Cut() // as a restart of the network does; nobody notices
	tea, err := prices.Get(ctx, "tea")
	fmt.Println("tea:", tea, err)

	_ = shop.FlushNamespace(ctx)
	_, err = prices.Get(ctx, "coffee")
	fmt.Println("coffee after the flush is a miss:", errors.Is(err, memcache.ErrMiss))
	// Output:
	// tea: 3.5 <nil>
	// coffee after the flush is a miss: true
}

// An Increment whose answer is lost may have been carried out. It is not
// repeated, and says so.
func ExampleClient_Increment() {
	server := memcachetest.NewServer(nil)
	defer server.Close()
	server.Fault = func(c memcachetest.Command) memcachetest.Fault {
		return memcachetest.Fault{LosesAnswer: c.Verb == "incr"}
	}
	cache := memcache.New([]string{"localhost"}, memcache.Options{Dial: server.Dial})
	defer cache.Close()
	ctx := context.Background()

	_ = cache.Set(ctx, memcache.Item{Key: "visits", Value: []byte("7")})
	_, err := cache.Increment(ctx, "visits", 1)
	fmt.Println(errors.Is(err, memcache.ErrAmbiguous))
	fmt.Println(err)
	// Output:
	// true
	// memcache: increment "visits" at localhost:11211 (2 attempts): it is not known whether the command was carried out
}
