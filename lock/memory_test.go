package lock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

func newStore() *lock.Memory { return lock.NewMemory(clockwork.From(clock.New())) }

func owner(pid int) lock.Owner { return lock.Owner{Name: "d", PID: pid, Host: "h"} }

// The store sees a process die where there is no TTL, as the kernel does, and
// does not where there is one, as a network's.
func TestMemoryKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newStore()
		kernel, network := m.Lock("kernel", 0), m.Lock("network", time.Second)
		dead, err := kernel.Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		_, err = network.Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		assert.Equal(t, []string{"kernel", "network"}, m.Held("h", 1))

		m.Kill("elsewhere", 1)
		m.Kill("h", 2)
		assert.Equal(t, []string{"kernel", "network"}, m.Held("h", 1))
		m.Kill("h", 1)
		assert.Equal(t, []string{"network"}, m.Held("h", 1))
		require.ErrorIs(t, dead.Renew(t.Context()), lock.ErrLost)

		next, err := kernel.Acquire(t.Context(), owner(2))
		require.NoError(t, err)
		who, token, held := m.Holder("kernel")
		assert.True(t, held)
		assert.Equal(t, owner(2), who)
		assert.Equal(t, next.Token(), token)

		_, err = network.Acquire(t.Context(), owner(2))
		require.ErrorIs(t, err, lock.ErrHeld)
		time.Sleep(time.Second)
		_, _, held = m.Holder("network")
		assert.False(t, held)
		_, err = network.Acquire(t.Context(), owner(2))
		require.NoError(t, err)
	})
}

// An outage fails every operation, and is no loss.
func TestMemoryOutage(t *testing.T) {
	m := newStore()
	l := m.Lock("x", 0)
	lease, err := l.Acquire(t.Context(), owner(1))
	require.NoError(t, err)
	h, err := lease.Handoff()
	require.NoError(t, err)

	down := errors.New("connection refused")
	m.SetOutage(down)
	_, acquire := l.Acquire(t.Context(), owner(2))
	_, inherit := l.Inherit(t.Context(), owner(1), h.Value)
	for _, err := range []error{acquire, inherit, lease.Renew(t.Context()), lease.Release(t.Context())} {
		require.ErrorIs(t, err, down)
		require.NotErrorIs(t, err, lock.ErrHeld)
		require.NotErrorIs(t, err, lock.ErrLost)
	}
	m.SetOutage(nil)
	require.NoError(t, lease.Renew(t.Context()))
	_, _, held := m.Holder("x")
	assert.True(t, held)
}

func TestMemoryEvict(t *testing.T) {
	m := newStore()
	l := m.Lock("x", 0)
	lease, err := l.Acquire(t.Context(), owner(1))
	require.NoError(t, err)
	m.Evict("x")
	require.ErrorIs(t, lease.Renew(t.Context()), lock.ErrLost)
	next, err := l.Acquire(t.Context(), owner(2))
	require.NoError(t, err)
	assert.Greater(t, next.Token(), lease.Token())
}

// A slow store takes its time, and a caller that gives up has changed nothing.
func TestMemoryDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newStore()
		m.Delay = func(ctx context.Context) error {
			return clockwork.Sleep(ctx, clockwork.Real(), time.Second)
		}
		l := m.Lock("x", 3*time.Second)
		began := time.Now()
		lease, err := l.Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(began))

		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, lease.Release(impatient), context.DeadlineExceeded)
		_, _, held := m.Holder("x")
		assert.True(t, held)
		require.NoError(t, lease.Release(t.Context()))
	})
}

// A memory lock that stands in for another one goes by that one's URL.
func TestMemoryNames(t *testing.T) {
	m := newStore()
	assert.Equal(t, "memory:x", m.Lock("x", 0).String())
	assert.Equal(t, "file:/run/x.lock", m.Lock("file:/run/x.lock", 0).String())
}
