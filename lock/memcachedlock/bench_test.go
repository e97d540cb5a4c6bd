package memcachedlock_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache/memcachetest"
)

func BenchmarkLock(b *testing.B) {
	server := memcachetest.Start(b)
	l := memcachedlock.New([]string{server.Address()}, "key", memcachedlock.Options{})
	b.Run("Acquire and Release", func(b *testing.B) {
		for b.Loop() {
			lease, err := l.Acquire(b.Context(), owner(1))
			require.NoError(b, err)
			require.NoError(b, lease.Release(b.Context()))
		}
	})
	b.Run("Renew", func(b *testing.B) {
		lease, err := l.Acquire(b.Context(), owner(1))
		require.NoError(b, err)
		for b.Loop() {
			require.NoError(b, lease.Renew(b.Context()))
		}
		require.NoError(b, lease.Release(b.Context()))
	})
}
