package memcachedlock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/lock/memcachedlock"
	"github.com/evertick/evertick/memcache/memcachetest"
)

const ttl = 4 * time.Second

// trap is a fault that one command meets: that of the number, from 0, after it
// was armed.
type trap struct {
	fault memcachetest.Fault
	then  func() // carried out with it
	left  atomic.Int64
	met   atomic.Bool
}

func (tr *trap) arm(number int) {
	tr.met.Store(false)
	tr.left.Store(int64(number + 1))
}

func (tr *trap) meet(memcachetest.Command) memcachetest.Fault {
	if tr.left.Add(-1) != 0 {
		return memcachetest.Fault{}
	}
	tr.met.Store(true)
	if tr.then != nil {
		tr.then()
	}
	return tr.fault
}

// lossy are the ways in which an answer does not come.
var lossy = map[string]memcachetest.Fault{
	"not carried out": {Loses: true},
	"carried out":     {LosesAnswer: true},
	"hangs before":    {Hangs: true},
	"hangs after":     {Hangs: true, LosesAnswer: true},
	"late":            {Takes: 300 * time.Millisecond},
	"too late":        {Takes: 700 * time.Millisecond}, // for an attempt
}

// everywhere plays an operation once for each of its commands, which meets each of
// the faults.
func everywhere(t *testing.T, test func(t *testing.T, w *world, arm func())) {
	for name, fault := range lossy {
		met := true
		for n := 0; met; n++ {
			t.Run(fmt.Sprintf("command %d %s", n, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					tr := &trap{fault: fault}
					w.Fault = tr.meet
					test(t, w, func() { tr.arm(n) })
					met = tr.met.Load()
				})
			})
		}
	}
}

// free demands that nobody holds the lock.
func free(t *testing.T, w *world) {
	t.Helper()
	lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(3))
	require.NoError(t, err)
	require.NoError(t, lease.Release(t.Context()))
}

// heldBy demands that somebody holds it.
func heldBy(t *testing.T, w *world, pid int) {
	t.Helper()
	_, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(3))
	var held *lock.HeldError
	require.ErrorAs(t, err, &held)
	assert.Equal(t, pid, held.Holder.PID)
}

// A single answer that is lost, or late, is noticed by nobody, whichever it is.
func TestLostAnswers(t *testing.T) {
	options := memcachedlock.Options{TTL: ttl}
	t.Run("Acquire", func(t *testing.T) {
		everywhere(t, func(t *testing.T, w *world, arm func()) {
			arm()
			lease, err := w.lock(options).Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			heldBy(t, w, 1)
			require.NoError(t, lease.Renew(t.Context()))
			require.NoError(t, lease.Release(t.Context()))
			free(t, w)
		})
	})
	t.Run("Renew", func(t *testing.T) {
		everywhere(t, func(t *testing.T, w *world, arm func()) {
			lease, err := w.lock(options).Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			time.Sleep(lease.TTL() / 2)
			arm()
			require.NoError(t, lease.Renew(t.Context()))
			time.Sleep(lease.TTL() * 3 / 4)
			heldBy(t, w, 1)
			require.NoError(t, lease.Renew(t.Context()))
		})
	})
	t.Run("Release", func(t *testing.T) {
		everywhere(t, func(t *testing.T, w *world, arm func()) {
			lease, err := w.lock(options).Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			arm()
			require.NoError(t, lease.Release(t.Context()))
			free(t, w)
		})
	})
	t.Run("Inherit", func(t *testing.T) {
		everywhere(t, func(t *testing.T, w *world, arm func()) {
			lease, err := w.lock(options).Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			h, err := lease.Handoff()
			require.NoError(t, err)
			arm()
			next, err := w.lock(options).Inherit(t.Context(), owner(2), h.Value)
			require.NoError(t, err)
			assert.Equal(t, lease.Token(), next.Token())
			heldBy(t, w, 2)
			require.NoError(t, next.Release(t.Context()))
			free(t, w)
		})
	})
}

// An Acquire that is given up leaves nothing behind, whichever command it was
// at.
func TestAbandonedAcquire(t *testing.T) {
	enough := errors.New("enough")
	everywhere(t, func(t *testing.T, w *world, arm func()) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		arm()
		time.AfterFunc(200*time.Millisecond, func() { cancel(enough) })
		lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(ctx, owner(1))
		if err == nil {
			require.NoError(t, lease.Release(t.Context()))
		} else {
			require.ErrorIs(t, err, enough)
			require.NotErrorIs(t, err, lock.ErrHeld)
			require.NotErrorIs(t, err, lock.ErrLost)
			time.Sleep(ttl / 4)
			if strings.HasSuffix(t.Name(), "too_late") {
				time.Sleep(ttl) // it looks twice; what comes later than that ends with its TTL
			}
		}
		free(t, w)
	})
}

// The server forgets. The lease is lost for good, nobody takes it again silently,
// and the tokens go on growing.
func TestForgetfulServer(t *testing.T) {
	for name, forget := range map[string]func(w *world){
		"restart":  func(w *world) { w.Restart() },
		"flush":    func(w *world) { w.Flush() },
		"eviction": func(w *world) { w.Evict("x"); w.Evict("x:token") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(1))
				require.NoError(t, err)
				time.Sleep(time.Millisecond)
				forget(w)
				for range 2 {
					err = lease.Renew(t.Context())
					require.ErrorIs(t, err, lock.ErrLost)
					assert.ErrorContains(t, err, "memcached has restarted")
				}
				_, err = lease.Handoff()
				require.ErrorIs(t, err, lock.ErrLost)
				next, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(2))
				require.NoError(t, err)
				assert.Greater(t, next.Token(), lease.Token())
				require.ErrorIs(t, lease.Renew(t.Context()), lock.ErrLost)
				require.NoError(t, lease.Release(t.Context()))
				heldBy(t, w, 2)
			})
		})
	}
}

// Between the look and the write of a Renew, the server restarts and gives the lock
// to a rival, whose item has the very number of the one that was read.
func TestRestartWithinARenewal(t *testing.T) {
	for number := range 2 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			tr := &trap{fault: memcachetest.Fault{Loses: true}, then: func() {
				w.SetDown(true)
				w.Restart()
				for range 3 { // the item that was read is of the third write
					w.Set("x", thief, time.Hour)
				}
				w.SetDown(false)
			}}
			w.Fault = tr.meet
			lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			tr.arm(number)
			require.ErrorIs(t, lease.Renew(t.Context()), lock.ErrLost)
			require.True(t, tr.met.Load())
			heldBy(t, w, 2)
		})
	}
}

// A server that has stood still carries a renewal out before its clock is right
// again. The lease lives for its TTL all the same.
func TestServerWhoseClockIsBehind(t *testing.T) {
	for number := range 2 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			tr := &trap{fault: memcachetest.Fault{Takes: slow}, then: func() {
				w.SetLag(3 * time.Second)
				time.AfterFunc(slow+time.Millisecond, func() { w.SetLag(0) })
			}}
			w.Fault = tr.meet
			time.Sleep(ttl / 8)
			tr.arm(number)
			require.NoError(t, lease.Renew(t.Context()))
			require.True(t, tr.met.Load())
			time.Sleep(lease.TTL() - 2*slow)
			heldBy(t, w, 1)
		})
	}
}

// A server's clock passes over a second now and then, and is behind by up to two
// before. A lease that is written then lives for what is certain of its TTL.
func TestServerWhoseClockPassesOverASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		time.Sleep(time.Second - w.clock.Boot()%time.Second - time.Millisecond)
		w.SetLag(time.Second)
		require.NoError(t, lease.Renew(t.Context()))
		w.SetLag(0)
		time.Sleep(lease.TTL())
		heldBy(t, w, 1)
		time.Sleep(2 * time.Millisecond)
		_, err = w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(2))
		require.NoError(t, err, "it is the shortest that there is")
	})
}

// slow is an answer after which a lease is confirmed again.
const slow = 5 * time.Millisecond

// behind is a clock whose wall clock is wrong.
type behind struct {
	clockwork.Clock
	by time.Duration
}

func (b behind) Wall() time.Time { return b.Clock.Wall().Add(-b.by) }

// Tokens grow on a machine whose clock is behind, and beyond what has spoilt the
// last one.
func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		late := memcachedlock.New([]string{"store"}, "x", memcachedlock.Options{TTL: ttl, Dial: w.Dial}).
			Bind("", behind{clockwork.From(clock.New()), 24 * time.Hour})
		l := w.lock(memcachedlock.Options{TTL: ttl})
		var last uint64
		take := func(l lock.Locker) {
			t.Helper()
			lease, err := l.Acquire(t.Context(), owner(1))
			require.NoError(t, err)
			assert.Greater(t, lease.Token(), last)
			last = lease.Token()
			require.NoError(t, lease.Release(t.Context()))
		}
		for _, l := range []lock.Locker{l, late, late, l, late} {
			take(l)
		}
		w.Evict("x:token")
		take(late) // it has seen a greater one itself
		for _, spoilt := range []string{"", "text", "-1", "18446744073709551615"} {
			w.Set("x:token", spoilt, 0)
			time.Sleep(time.Millisecond) // its clock is ahead of all tokens then
			take(l)
		}
	})
}

// Wait looks every 50 ms, and returns when the lock is free, and at the latest after
// the TTL.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		l := w.lock(memcachedlock.Options{TTL: ttl})
		time.AfterFunc(1510*time.Millisecond, func() { assert.NoError(t, lease.Release(t.Context())) })
		began := time.Now()
		require.NoError(t, l.(lock.Waiter).Wait(t.Context()))
		assert.Equal(t, 1550*time.Millisecond, time.Since(began))

		lease, err = w.lock(memcachedlock.Options{TTL: 24 * time.Hour}).Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		began = time.Now()
		require.NoError(t, l.(lock.Waiter).Wait(t.Context()))
		assert.InDelta(t, ttl.Seconds(), time.Since(began).Seconds(), 0.1)

		w.SetDown(true)
		require.Error(t, l.(lock.Waiter).Wait(t.Context()), "the caller pauses by itself")
		require.Error(t, lease.Renew(t.Context()))
	})
}

// A server that takes its time to answer is asked for a tenth of the time, as far as
// a standby is not late by more than 250 ms.
func TestWaitSparesASlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.lock(memcachedlock.Options{TTL: 24 * time.Hour}).Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		for takes, most := range map[time.Duration]int64{time.Millisecond: 80, 15 * time.Millisecond: 24, 200 * time.Millisecond: 9} {
			var looks atomic.Int64
			w.Fault = func(memcachetest.Command) memcachetest.Fault {
				looks.Add(1)
				return memcachetest.Fault{Takes: takes}
			}
			require.NoError(t, w.lock(memcachedlock.Options{TTL: ttl}).(lock.Waiter).Wait(t.Context()))
			assert.InDelta(t, most, looks.Load(), 2, "in %s, where an answer takes %s", ttl, takes)
		}
	})
}

// The operations of one lease take turns, and the wait for one's turn ends with
// the context.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		lease, err := w.lock(memcachedlock.Options{TTL: ttl}).Acquire(t.Context(), owner(1))
		require.NoError(t, err)
		resume := w.Stall()
		first := make(chan error, 1)
		go func() { first <- lease.Renew(context.Background()) }()
		synctest.Wait()
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Millisecond, func() { cancel(enough) })
		require.ErrorIs(t, lease.Renew(ctx), enough)
		require.ErrorIs(t, lease.Release(ctx), enough)
		_, err = lease.Handoff()
		require.NoError(t, err, "it waits for nobody")
		resume()
		require.NoError(t, <-first)
	})
}
