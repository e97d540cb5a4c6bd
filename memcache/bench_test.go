package memcache_test

import (
	"testing"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/memcache"
	"github.com/evertick/evertick/memcache/memcachetest"
)

// What the context, the time-outs and the look at the connection cost, beside
// gomemcache alone.
func BenchmarkGet(b *testing.B) {
	server := memcachetest.Start(b)
	c := memcache.New([]string{server.Address()}, memcache.Options{})
	defer c.Close()
	require.NoError(b, c.Set(b.Context(), item("value")))
	b.Run("memcache", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Get(b.Context(), "k"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gomemcache", func(b *testing.B) {
		bare := gomemcache.New(server.Address())
		defer bare.Close()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bare.Get("k"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
