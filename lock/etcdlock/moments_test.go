package etcdlock_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/etcdlock"
)

var (
	ann = lock.Owner{Name: "ann", PID: 4_000_001, Host: "host-a", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	bob = lock.Owner{Name: "bob", PID: 4_000_002, Host: "host-b", Since: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}

	errEnough = errors.New("enough")
)

// moment is an operation that is disturbed when one of its answers is on its way.
type moment struct {
	network *proxy
	// near is the lock behind the network, far the same lock without it.
	near, far *etcdlock.Lock
	ctx       context.Context
	disturb   func()
	calm      func()
	disturbed atomic.Bool
}

// A network that fails, or an impatient caller, at each piece of each answer.
func TestEveryMoment(t *testing.T) {
	for name, operation := range map[string]func(t *testing.T, m *moment){
		"Acquire": acquireDisturbed,
		"Renew":   renewDisturbed,
		"Inherit": inheritDisturbed,
		"Release": releaseDisturbed,
	} {
		for _, how := range []string{"cancelled", "cut"} {
			t.Run(name+" "+how, func(t *testing.T) {
				// How many pieces there are differs a little.
				n := 1
				for undisturbed := 0; undisturbed < 3; n++ {
					require.Less(t, n, 100, "it never comes to an end")
					if playMoment(t, how, n, operation) {
						undisturbed = 0
					} else {
						undisturbed++
					}
				}
				assert.Greater(t, n, 5, "nothing was disturbed")
			})
		}
	}
}

// playMoment reports whether there was an n-th piece of an answer.
func playMoment(t *testing.T, how string, n int, operation func(t *testing.T, m *moment)) bool {
	t.Helper()
	server, key := shared.start(t), shared.key()
	network := newProxy(t, server.addr())
	ctx, cancel := context.WithCancelCause(within(t))
	m := &moment{
		network: network, ctx: ctx,
		near: etcdlock.New([]string{network.addr()}, key, etcdlock.TTL(time.Minute)),
		far:  etcdlock.New([]string{server.addr()}, key, etcdlock.TTL(time.Minute)),
	}
	var resume atomic.Pointer[func()]
	m.calm = func() {
		network.before(0, nil)
		if resume := resume.Load(); resume != nil {
			(*resume)()
		}
	}
	m.disturb = func() {
		network.before(n, func() {
			m.disturbed.Store(true)
			if how == "cut" {
				network.cut()
				return
			}
			answers := network.stall()
			resume.Store(&answers)
			cancel(errEnough)
		})
	}
	defer m.calm()
	operation(t, m)
	cancel(nil)
	if t.Failed() {
		t.Logf("at piece %d", n)
	}
	return m.disturbed.Load() && !t.Failed()
}

// free makes sure that the lock is free soon, although its TTL is long.
func (m *moment) free(t *testing.T) {
	t.Helper()
	lease := acquireSoon(t, m.far)
	require.NoError(t, lease.Release(within(t)))
}

// acquireSoon takes a lock that is free soon.
func acquireSoon(t testing.TB, l lock.Locker) lock.Lease {
	t.Helper()
	ctx := within(t)
	for {
		lease, err := l.Acquire(ctx, bob)
		if err == nil {
			return lease
		}
		require.ErrorIs(t, err, lock.ErrHeld)
		require.NoError(t, l.(lock.Waiter).Wait(ctx))
	}
}

// open demands an error that leaves open whose the lock is.
func open(t *testing.T, err error) {
	t.Helper()
	require.NotErrorIs(t, err, lock.ErrLost)
	require.NotErrorIs(t, err, lock.ErrHeld)
}

// held demands that the lock is held.
func (m *moment) held(t *testing.T) {
	t.Helper()
	_, err := m.far.Acquire(within(t), bob)
	require.ErrorIs(t, err, lock.ErrHeld)
}

func acquireDisturbed(t *testing.T, m *moment) {
	m.disturb()
	lease, err := m.near.Acquire(m.ctx, ann)
	m.calm()
	if err != nil {
		open(t, err)
		m.free(t)
		return
	}
	m.held(t)
	require.NoError(t, lease.Renew(within(t)))
	require.NoError(t, lease.Release(within(t)))
	m.free(t)
}

func renewDisturbed(t *testing.T, m *moment) {
	lease, err := m.near.Acquire(m.ctx, ann)
	require.NoError(t, err)
	m.disturb()
	open(t, lease.Renew(m.ctx))
	m.calm()
	m.held(t)
	require.NoError(t, lease.Renew(within(t)), "the next renewal makes a connection of its own")
	require.NoError(t, lease.Release(within(t)))
	m.free(t)
}

func inheritDisturbed(t *testing.T, m *moment) {
	lease, err := m.far.Acquire(m.ctx, ann)
	require.NoError(t, err)
	handoff, err := lease.Handoff()
	require.NoError(t, err)
	m.disturb()
	next, err := m.near.Inherit(m.ctx, bob, handoff.Value)
	m.calm()
	if err != nil {
		open(t, err)
		m.held(t)
		next, err = m.far.Inherit(within(t), bob, handoff.Value)
		require.NoError(t, err)
	}
	assert.Equal(t, lease.Token(), next.Token())
	assert.Equal(t, lease.TTL(), next.TTL())
	_, err = m.far.Acquire(within(t), ann)
	var refused *lock.HeldError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "bob", refused.Holder.Name)
	assert.Equal(t, ann.Since, refused.Holder.Since)
	require.NoError(t, next.Release(within(t)))
	m.free(t)
}

func releaseDisturbed(t *testing.T, m *moment) {
	lease, err := m.near.Acquire(m.ctx, ann)
	require.NoError(t, err)
	m.disturb()
	err = lease.Release(m.ctx)
	m.calm()
	if err != nil {
		open(t, err)
		require.NoError(t, lease.Release(within(t)), "the next Release makes a connection of its own")
	}
	m.free(t)
}

// When the answer that it has the lock is lost, Acquire asks again.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	server, key := shared.start(t), shared.key()
	root, network := admin(t, server), newProxy(t, server.addr())
	var cut atomic.Bool
	var look func()
	look = func() {
		if found, err := root.Get(within(t), key); err == nil && len(found.Kvs) == 0 {
			network.before(1, look)
			return
		}
		cut.Store(true)
		network.cut()
	}
	network.before(1, look)
	l := etcdlock.New([]string{network.addr()}, key, etcdlock.TTL(time.Minute))
	lease, err := l.Acquire(within(t), ann)
	require.NoError(t, err)
	require.True(t, cut.Load())
	found, err := root.Get(within(t), key)
	require.NoError(t, err)
	require.Len(t, found.Kvs, 1)
	assert.EqualValues(t, found.Kvs[0].CreateRevision, lease.Token())
	require.NoError(t, lease.Renew(within(t)))
	require.NoError(t, lease.Release(within(t)))
}

// Of 20 starters at once exactly one wins.
func TestStorm(t *testing.T) {
	const starters = 20
	server, key := shared.start(t), shared.key()
	var last uint64
	for round := range *stormRounds {
		type result struct {
			lease lock.Lease
			err   error
		}
		start, results := make(chan struct{}), make(chan result, starters)
		for n := range starters {
			go func() {
				l := etcdlock.New([]string{server.addr()}, key, etcdlock.TTL(time.Minute))
				<-start
				lease, err := l.Acquire(within(t), lock.Owner{Name: fmt.Sprint("starter ", n), PID: 4_000_000 + n})
				results <- result{lease, err}
			}()
		}
		close(start)
		var winners []lock.Lease
		for range starters {
			r := receive(t, results)
			if r.err == nil {
				winners = append(winners, r.lease)
				continue
			}
			require.ErrorIs(t, r.err, lock.ErrHeld)
		}
		require.Len(t, winners, 1, "round %d", round)
		require.Greater(t, winners[0].Token(), last)
		last = winners[0].Token()
		require.NoError(t, winners[0].Release(within(t)))
	}
}
