package etcdlock_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

// benchLock is a lock on a server that runs already.
func benchLock(b *testing.B, ttl time.Duration) *etcdlock.Lock {
	return etcdlock.New([]string{shared.start(b).addr()}, shared.key(), etcdlock.TTL(ttl))
}

// BenchmarkAcquire takes and releases the lock, each time on a connection of its own.
func BenchmarkAcquire(b *testing.B) {
	l := benchLock(b, time.Minute)
	for b.Loop() {
		lease, err := l.Acquire(within(b), ann)
		require.NoError(b, err)
		require.NoError(b, lease.Release(within(b)))
	}
}

// BenchmarkRefused asks for a lock that is held.
func BenchmarkRefused(b *testing.B) {
	l := benchLock(b, time.Minute)
	lease, err := l.Acquire(within(b), ann)
	require.NoError(b, err)
	for b.Loop() {
		_, err := l.Acquire(within(b), bob)
		require.ErrorIs(b, err, lock.ErrHeld)
	}
	require.NoError(b, lease.Release(within(b)))
}

func BenchmarkRenew(b *testing.B) {
	l := benchLock(b, time.Minute)
	lease, err := l.Acquire(within(b), ann)
	require.NoError(b, err)
	for b.Loop() {
		require.NoError(b, lease.Renew(within(b)))
	}
	require.NoError(b, lease.Release(within(b)))
}

// BenchmarkRenewLogin renews where the server asks for a login, whose price is that of
// bcrypt.
func BenchmarkRenewLogin(b *testing.B) {
	server := newServer(b, nil)
	root, ctx := admin(b, server), within(b)
	_, err := root.UserAdd(ctx, "root", "secret")
	require.NoError(b, err)
	_, err = root.UserGrantRole(ctx, "root", "root")
	require.NoError(b, err)
	_, err = root.AuthEnable(ctx)
	require.NoError(b, err)
	l := etcdlock.New([]string{server.addr()}, "x", etcdlock.TTL(time.Minute), etcdlock.Login("root", "secret"))
	lease, err := l.Acquire(ctx, ann)
	require.NoError(b, err)
	for b.Loop() {
		require.NoError(b, lease.Renew(within(b)))
	}
	require.NoError(b, lease.Release(within(b)))
}

// BenchmarkTakeOver is the time from the end of a holder until a standby that waits
// has the lock.
func BenchmarkTakeOver(b *testing.B) {
	b.Run("release", func(b *testing.B) {
		takeOver(b, time.Minute, func(l lock.Locker) func() {
			lease, err := l.Acquire(within(b), ann)
			require.NoError(b, err)
			return func() { require.NoError(b, lease.Release(within(b))) }
		})
	})
	for _, ttl := range []time.Duration{2 * time.Second, 5 * time.Second} {
		b.Run("kill/TTL="+ttl.String(), func(b *testing.B) {
			takeOver(b, ttl, func(l lock.Locker) func() { return startVictim(b, l.String()).kill })
		})
	}
}

func takeOver(b *testing.B, ttl time.Duration, hold func(l lock.Locker) (end func())) {
	var took []time.Duration
	for b.Loop() {
		l := benchLock(b, ttl)
		end := hold(l)
		won := make(chan lock.Lease, 1)
		go func() { won <- acquireSoon(b, l) }()
		<-time.After(200 * time.Millisecond) // it waits by now
		ended := time.Now()
		end()
		lease := <-won
		took = append(took, time.Since(ended))
		require.NoError(b, lease.Release(within(b)))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}
