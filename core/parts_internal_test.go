package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	benclock "github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/lock"
)

// The parts of the machine know nothing of each other, so each is tested alone.

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timers := newTimers(clockwork.Real())
		defer timers.stop()
		var posted []eventKind
		post := func(e event) { posted = append(posted, e.kind) }

		next, _ := timers.expire(post)
		assert.True(t, next.IsZero(), "nothing is set")

		began := time.Now()
		timers.setAfter(tickAt, 3*time.Second)
		timers.setAfter(timeUpAt, time.Second)
		timers.setAfter(leaseAt, 2*time.Second)
		timers.clear(leaseAt)
		assert.False(t, timers.isSet(leaseAt))
		next, now := timers.expire(post)
		assert.Equal(t, time.Second, next.Sub(began))
		timers.wait(nil, next, now)
		assert.Equal(t, time.Second, time.Since(began))
		next, now = timers.expire(post)
		assert.Equal(t, []eventKind{timeIsUp}, posted)
		assert.Equal(t, 3*time.Second, next.Sub(began))

		wake := make(chan struct{}, 1)
		wake <- struct{}{}
		timers.wait(wake, next, now)
		assert.Equal(t, time.Second, time.Since(began), "woken before the deadline")

		// The clock's timer, set to 3 s, wakes the loop before a later deadline.
		timers.set(tickAt, began.Add(5*time.Second))
		for len(posted) < 2 {
			next, now = timers.expire(post)
			if len(posted) < 2 {
				timers.wait(wake, next, now)
			}
		}
		assert.Equal(t, tickDue, posted[1])
		assert.Equal(t, 5*time.Second, time.Since(began))

		timers.setAfter(tickAt, time.Second)
		timers.setAfter(leaseAt, time.Second)
		timers.clearAllBut(leaseAt)
		assert.True(t, timers.isSet(leaseAt))
		assert.False(t, timers.isSet(tickAt))
		timers.clearAll()
		assert.False(t, timers.isSet(leaseAt))
	})
}

// scripted is an iteration that does what it is told.
type scripted struct {
	do func(ctx context.Context) error
}

func (s scripted) now() time.Time { return time.Now() }
func (s scripted) iterate(ctx context.Context, now time.Time) (time.Time, time.Duration, error) {
	err := s.do(ctx)
	end := time.Now()
	return end, end.Sub(now), err
}
func (s scripted) goexit(context.Context) {}

func (s scripted) outcome() (time.Duration, error) { return 0, errGoexit }

func script(do func(context.Context) error) iterationMaker {
	return func(*atomic.Bool) iteration { return scripted{do} }
}

// await takes the next event of the queue.
func await(q *eventQueue) event {
	for {
		if e, ok := q.take(); ok {
			return e
		}
		<-q.wake
	}
}

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newEventQueue()
		release := make(chan struct{})
		var n int
		j := newJobs(script(func(context.Context) error {
			if n++; n == 1 {
				<-release
			}
			return nil
		}), q)

		// A job begins when it is told to, and its return counts once.
		j.start(checked, j.ctx, func(context.Context) error { return errors.New("boom") })
		synctest.Wait()
		_, early := q.take()
		assert.False(t, early, "begins before begin")
		assert.True(t, j.running)
		j.begin()
		e := await(q)
		assert.Equal(t, checked, e.kind)
		require.EqualError(t, e.err, "boom")
		assert.True(t, j.returned(e))
		assert.False(t, j.running)

		// One that was abandoned has no effect any more, and the next one runs.
		j.start(executed, j.ctx, nil)
		j.begin()
		synctest.Wait()
		j.abandon()
		assert.False(t, j.running)
		j.start(executed, j.ctx, nil)
		j.begin()
		second := await(q)
		close(release)
		first := await(q)
		assert.False(t, j.returned(first))
		assert.True(t, j.running)
		assert.True(t, j.returned(second))

		// A panic and a Goexit are errors, and the worker goes on.
		for _, end := range []func(context.Context) error{
			func(context.Context) error { panic("boom") },
			func(context.Context) error { runtime.Goexit(); return nil },
		} {
			j.start(setUp, j.ctx, end)
			j.begin()
			require.Error(t, await(q).err)
		}

		// The context ends in begin, with its cause.
		cause := errors.New("enough")
		j.start(setUp, j.ctx, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		j.begin()
		j.interrupt(cause)
		j.begin()
		require.ErrorIs(t, await(q).err, cause)
		j.renewContext()
		require.NoError(t, j.ctx.Err())
		j.close()
	})
}

// Iterations of interval 0 follow each other until something else is to happen.
func TestJobsRepeat(t *testing.T) {
	q := newEventQueue()
	n := 0
	j := newJobs(script(func(context.Context) error {
		if n++; n == 10 {
			q.post(event{kind: stopAsked})
		}
		return nil
	}), q)
	defer j.close()
	j.repeat(true)
	j.start(executed, j.ctx, nil)
	j.begin()
	assert.Equal(t, stopAsked, await(q).kind)
	assert.Equal(t, executed, await(q).kind)
	assert.Equal(t, 10, n)
	j.repeat(false)
	j.start(executed, j.ctx, nil)
	j.begin()
	assert.Equal(t, executed, await(q).kind)
	assert.Equal(t, 11, n)
}

func TestLeaseRenewer(t *testing.T) {
	const ttl = 4 * time.Second // so the margin is 1 s, and a renewal is due each 800 ms
	synctest.Test(t, func(t *testing.T) {
		clock := clockwork.From(benclock.New()) // whose Boot follows the bubble
		store := lock.NewMemory(clock)
		lease, err := store.Lock("x", ttl).Acquire(t.Context(), lock.Owner{Name: "d", PID: 1, Host: "h"})
		require.NoError(t, err)
		q := newEventQueue()
		var logged []string
		r := newLeaseRenewer(&attempt{lease: lease, asked: clock.Boot()}, clock, func(format string, args ...any) {
			logged = append(logged, fmt.Sprintf(format, args...))
		})
		r.start(q.post)
		time.Sleep(time.Hour)
		left, ends := r.safeFor()
		assert.True(t, ends)
		assert.Greater(t, left, 2*time.Second)
		assert.False(t, r.expired())

		// An outage is told once, and the lease is given up before it has ended.
		store.SetOutage(errors.New("connection refused"))
		for !r.expired() {
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		assert.Len(t, logged, 1)
		_, _, held := store.Holder("x")
		assert.True(t, held, "given up before the store does")
		store.SetOutage(nil)
		for r.expired() {
			time.Sleep(100 * time.Millisecond)
		}
		assert.Equal(t, event{kind: leaseLost, cause: causeNotRenewed}, await(q), "once")

		// A lease that is lost is told, and not renewed any more.
		store.Steal("x", lock.Owner{Name: "thief"}, 0)
		e := await(q)
		assert.Equal(t, leaseLost, e.kind)
		assert.Contains(t, e.cause, "lost")
		r.stop()
		r.stop()

		var none *leaseRenewer
		assert.False(t, none.expired())
		none.start(q.post)
		none.stop()
		none.release()
	})
}

// pidStore is PID files that a test scripts.
type pidStore struct {
	pidfile.Files
	calls    []string
	restored bool
	err      error
}

func (s *pidStore) Lock(path string) (pidfile.File, error) {
	s.calls = append(s.calls, "lock "+path)
	return s, nil
}

func (s *pidStore) Inherit(path, handoff string) (pidfile.File, error) {
	s.calls = append(s.calls, "inherit "+path+" "+handoff)
	return s, nil
}

func (s *pidStore) Restore() (bool, error) { return s.restored, s.err }

func (s *pidStore) Handoff() (string, *os.File, error) { return "fd:7", nil, nil }

func (s *pidStore) Former() int { return 0 }

func (s *pidStore) Discard(string, int) (bool, error) { return false, nil }

func (s *pidStore) Remove() error {
	s.calls = append(s.calls, "remove")
	return nil
}

func TestPIDFile(t *testing.T) {
	none := pidFile{files: &pidStore{}}
	require.NoError(t, none.lock(nil))
	assert.False(t, none.locked())
	assert.Empty(t, none.restore())
	value, _, err := none.handoff()
	require.NoError(t, err)
	assert.Nil(t, value)
	require.NoError(t, none.remove())

	s := &pidStore{}
	p := pidFile{files: s, path: "/run/x.pid"}
	require.NoError(t, p.lock(nil))
	require.NoError(t, p.lock(nil))
	assert.True(t, p.locked())
	assert.Empty(t, p.restore())
	s.restored = true
	assert.Contains(t, p.restore(), "was gone")
	s.restored, s.err = false, errors.New("replaced")
	assert.Equal(t, "Error: replaced", p.restore())
	assert.Empty(t, p.restore(), "once")
	s.err = nil
	assert.Empty(t, p.restore())
	s.err = errors.New("replaced again")
	assert.Equal(t, "Error: replaced again", p.restore())
	value, _, err = p.handoff()
	require.NoError(t, err)
	assert.Equal(t, "fd:7", *value)
	require.NoError(t, p.remove())
	require.NoError(t, p.remove())

	q := pidFile{files: s, path: "/run/x.pid"}
	require.NoError(t, q.lock(value))
	assert.Equal(t, []string{"lock /run/x.pid", "remove", "inherit /run/x.pid fd:7"}, s.calls)
}

// A lease that is given back takes the PID file along, also one that the program
// before has handed over and that nobody has taken over yet: a stop may come
// between the lock and the PID file.
func TestALeaseThatIsForgottenTakesThePIDFileAlong(t *testing.T) {
	handoff := "fd:7"
	for name, c := range map[string]struct {
		withPIDFile bool
		calls       []string
		left        *string
	}{
		"at the end":        {true, []string{"inherit /run/x.pid fd:7", "remove"}, nil},
		"on the way to win": {false, nil, &handoff},
	} {
		t.Run(name, func(t *testing.T) {
			s := &pidStore{}
			m := &machine{pid: pidFile{files: s, path: "/run/x.pid"}, inherited: &handover{PIDFile: &handoff, Lease: &handoff}}
			m.forgetLease(c.withPIDFile)
			assert.Equal(t, c.calls, s.calls)
			assert.Equal(t, c.left, m.inherited.PIDFile)
			assert.Nil(t, m.inherited.Lease)
		})
	}
}

func TestTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newEventQueue()
		var tr trial
		tr.abort() // before the first one
		var tries int
		try := func(ctx context.Context) error {
			if tries++; tries == 1 {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}
		version := func() string { return "1" }
		tr.start(clockwork.Real(), "SIGHUP", try, version, q.post)
		tr.start(clockwork.Real(), "another", try, version, q.post) // is not started beside it
		e := await(q)
		assert.Equal(t, event{kind: trialPassed, cause: "SIGHUP", version: "1"}, e)
		assert.True(t, tr.running)
		assert.Equal(t, 1, tries)
		tr.returned()

		began := time.Now()
		tr.start(clockwork.Real(), "SIGHUP", try, version, q.post)
		e = await(q)
		assert.Equal(t, trialRefused, e.kind)
		assert.Equal(t, trialTimeout, time.Since(began))
		tr.returned()

		tr.start(clockwork.Real(), "SIGHUP", try, version, q.post)
		tr.abort()
		assert.Equal(t, trialRefused, await(q).kind)
		assert.Equal(t, trialTimeout, time.Since(began))
	})
}

// A program that is replaced while it is tried is tried again, whatever the first
// trial said.
func TestATrialIsOfOneProgram(t *testing.T) {
	for _, first := range []error{nil, io.ErrUnexpectedEOF} {
		q := newEventQueue()
		var tr trial
		var tries int
		try := func(context.Context) error {
			if tries++; tries == 1 {
				return first
			}
			return nil
		}
		version := func() string {
			if tries == 0 {
				return "old"
			}
			return "new"
		}
		tr.start(clockwork.Real(), "SIGHUP", try, version, q.post)
		assert.Equal(t, event{kind: trialPassed, cause: "SIGHUP", version: "new"}, await(q))
		assert.Equal(t, 2, tries)
	}
}

func TestEnding(t *testing.T) {
	var e ending
	e.decide(plan{restart: true, trial: true, cause: "SIGHUP"})
	e.stopInstead("SIGTERM")
	assert.Equal(t, plan{cause: "SIGTERM"}, e.plan)
	e.fail(false)
	assert.Equal(t, plan{cause: "SIGTERM", code: 1}, e.plan)
	e.fail(true)
	e.fail(false)
	assert.Equal(t, plan{cause: "SIGTERM", code: 1, bare: true}, e.plan)
}

func TestHealth(t *testing.T) {
	var h health
	var fatal []bool
	for _, failed := range []bool{true, true, false, true, true, true, true} {
		fatal = append(fatal, h.executed(failed, false, 3))
	}
	assert.Equal(t, []bool{false, false, false, false, false, true, true}, fatal)
	assert.False(t, h.executed(true, true, 3), "a success before it ends the row")
	assert.Equal(t, 1, h.failures)

	var full []int
	for i, resident := range []uint64{9, 9, 9, 9, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9} {
		if h.weigh(resident, 8) {
			full = append(full, i)
		}
	}
	assert.Equal(t, []int{9, 14}, full, "five looks in a row, and from the beginning again")
}

func TestRestartHistory(t *testing.T) {
	var h restartHistory
	h.becameReady(5)
	h.becameReady(7)
	assert.Equal(t, time.Duration(5), h.readySince())
	h.restore(h.snapshot("SIGHUP"))
	assert.Equal(t, int64(1), h.restarts())
	assert.Equal(t, "SIGHUP", h.lastCause())

	// Three in a window of a minute; the pause grows with those in a row.
	type answer struct {
		inARow  int
		allowed bool
	}
	var got []answer
	for _, at := range []time.Duration{10, 20, 30, 40, 71, 672, 1273} {
		inARow, allowed := h.errorRestart(at*time.Second, time.Minute, 3)
		got = append(got, answer{inARow, allowed})
	}
	assert.Equal(t, []answer{{0, true}, {1, true}, {2, true}, {3, false}, {3, true}, {0, true}, {0, true}}, got)
	all, errors := h.counts()
	assert.Equal(t, []int64{1, 1}, []int64{all, errors})
}

func TestCleanupsRunInReverse(t *testing.T) {
	var c cleanups
	var got []string
	for _, name := range []string{"a", "b"} {
		c.push(name, func(context.Context) error { got = append(got, name); return nil })
	}
	old := c.begin()
	c.disown()
	_, ok := c.pop(old)
	assert.False(t, ok, "nothing is left for a teardown that was abandoned")
	now := c.begin()
	for last, ok := c.pop(now); ok; last, ok = c.pop(now) {
		require.NoError(t, last.undo(t.Context()))
	}
	assert.Equal(t, []string{"b", "a"}, got)
}

// Alerts leave room for signals, and do not call their own handlers.
func TestHandlersOfAlertsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newHandlerQueue(t.Errorf, nil)
		defer q.close()
		hang, alerts, signals := make(chan struct{}), 0, 0
		q.add(func() { <-hang })
		synctest.Wait()
		for range 1000 {
			q.addAlert(func() {
				alerts++
				q.addAlert(func() { alerts = -1 })
			})
		}
		for range handlerDepth / 2 {
			q.add(func() { signals++ })
		}
		close(hang)
		q.drain(t.Context())
		assert.Equal(t, handlerDepth/2, alerts)
		assert.Equal(t, handlerDepth/2, signals)
		q.addAlert(runtime.Goexit)
		q.addAlert(func() { alerts++ }) // while the other one waits
		synctest.Wait()
		q.addAlert(func() { alerts++ })
		synctest.Wait()
		assert.Equal(t, handlerDepth/2+2, alerts)
	})
}

func TestHandlerQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged []string
		q := newHandlerQueue(func(format string, args ...any) { logged = append(logged, fmt.Sprintf(format, args...)) }, nil)
		var got []int
		for n := range 5 {
			q.add(func() {
				if n == 2 {
					runtime.Goexit() // Daemon.guard logs it
				}
				got = append(got, n)
			})
		}
		q.drain(t.Context())
		assert.Equal(t, []int{0, 1, 3, 4}, got)
		assert.Empty(t, logged)

		// One that hangs lets the newest be dropped, and drain end with its context.
		hang := make(chan struct{})
		q.add(func() { <-hang })
		synctest.Wait()
		for range handlerDepth + 1 {
			q.add(func() {})
		}
		assert.Len(t, logged, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q.drain(ctx)
		require.Error(t, ctx.Err())
		close(hang)
		synctest.Wait()
		q.close()
		q.close()
	})
}

// Every move of the table has a place in Lifecycle, in its order.
func TestEdgesAreNumberedAsLifecycleHasThem(t *testing.T) {
	first := lifecycle.firstIndexes()
	all := Lifecycle()
	n := 0
	for s := range lifecycle {
		for k, e := range lifecycle[s] {
			for i, to := range e.to {
				got := all[first[s][k]+i]
				assert.Equal(t, []string{state(s).String(), to.String(), eventKind(k).String()}, []string{got.From, got.To, got.Event})
				n++
			}
		}
	}
	assert.Len(t, all, n)
}

// Every event has a cell in every state that says what becomes of it.
func TestTheTableIsTotal(t *testing.T) {
	for s := range lifecycle {
		for k, e := range lifecycle[s] {
			if acts := e.do != nil; acts != (len(e.to) > 0) || acts && e.impossible || !acts && e.words == "" {
				t.Errorf("%q in %q: want an action with its states, a reason to ignore it, or one why it cannot come", eventKind(k), state(s))
			}
		}
	}
	// What a person asks for, and what safety needs, is never ignored while the daemon lives.
	for s := stateChecking; s < stateEnded; s++ {
		for _, k := range []eventKind{stopAsked, restartAsked, signalCame} {
			assert.NotNil(t, lifecycle[s][k].do, "%q in %q", k, s)
		}
		if s > stateStandby {
			assert.NotNil(t, lifecycle[s][leaseLost].do, "%q in %q", leaseLost, s)
		}
	}
}

func TestStopSignalsAreCounted(t *testing.T) {
	var e ending
	now := time.Now()
	assert.Equal(t, firstRequest, e.stopSignal(now))
	assert.Equal(t, sameRequest, e.stopSignal(now.Add(sameStop-1)))
	assert.Equal(t, anotherRequest, e.stopSignal(now.Add(sameStop)))
}
