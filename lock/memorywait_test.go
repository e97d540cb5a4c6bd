package lock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// Wait returns when the lock is given back or taken away, when the lease has
// ended, and otherwise after a pause.
func TestMemoryWait(t *testing.T) {
	for _, c := range []struct {
		name string
		ttl  time.Duration
		do   func(m *lock.Memory, lease lock.Lease) error // after 300 ms
		want time.Duration
	}{
		{"given back", time.Hour, func(_ *lock.Memory, l lock.Lease) error { return l.Release(context.Background()) }, 300 * time.Millisecond},
		{"given back, without a TTL", 0, func(_ *lock.Memory, l lock.Lease) error { return l.Release(context.Background()) }, 300 * time.Millisecond},
		{"evicted", time.Hour, func(m *lock.Memory, _ lock.Lease) error { m.Evict("x"); return nil }, 300 * time.Millisecond},
		{"killed", 0, func(m *lock.Memory, _ lock.Lease) error { m.Kill("h", 1); return nil }, 300 * time.Millisecond},
		{"expired", 700 * time.Millisecond, nil, 700 * time.Millisecond},
		{"held on", 0, nil, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newStore()
				l := m.Lock("x", c.ttl)
				lease, err := l.Acquire(t.Context(), owner(1))
				require.NoError(t, err)
				_, err = m.Lock("other", 0).Acquire(t.Context(), owner(2))
				require.NoError(t, err)
				began := time.Now()
				time.AfterFunc(100*time.Millisecond, func() { m.Evict("other") }) // which is no concern of this one
				if c.do != nil {
					time.AfterFunc(300*time.Millisecond, func() { assert.NoError(t, c.do(m, lease)) })
				}
				require.NoError(t, l.(lock.Waiter).Wait(t.Context()))
				assert.Equal(t, c.want, time.Since(began))
			})
		})
	}
}

// Wait for a free lock returns at once, takes nothing, and says why it cannot
// wait.
func TestMemoryWaitReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newStore()
		l := m.Lock("x", time.Second)
		require.NoError(t, l.(lock.Waiter).Wait(t.Context()))
		_, err := l.Acquire(t.Context(), owner(1))
		require.NoError(t, err)

		_, err = l.Acquire(t.Context(), owner(2))
		var held *lock.HeldError
		require.ErrorAs(t, err, &held)
		assert.Equal(t, time.Second, held.TTL)

		ctx, cancel := clockwork.WithTimeout(t.Context(), clockwork.Real(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, l.(lock.Waiter).Wait(ctx), context.DeadlineExceeded)
		down := errors.New("connection refused")
		m.SetOutage(down)
		require.ErrorIs(t, l.(lock.Waiter).Wait(t.Context()), down)
	})
}
