//go:build linux

package clockwork

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// noClock is the number of no clock of the kernel's.
const noClock = 1 << 20

func newQueue() *timerQueue {
	return &timerQueue{clock: unix.CLOCK_MONOTONIC, now: sinceMonotonicZero}
}

// wait returns after the timer has fired.
func wait(t *testing.T, timer *fdTimer) {
	t.Helper()
	select {
	case <-timer.c:
	case <-time.After(time.Minute):
		t.Fatal("the timer did not fire")
	}
}

// ended waits until the goroutine of the queue has ended.
func ended(t *testing.T, q *timerQueue) {
	t.Helper()
	require.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return !q.started
	}, time.Minute, time.Millisecond)
}

// Whatever they wait by, many timers fire in their order, none before its time,
// and leave no goroutine.
func TestTimersOfAQueue(t *testing.T) {
	broken := newQueue()
	for name, q := range map[string]*timerQueue{
		"timerfd":       newQueue(),
		"no descriptor": {clock: noClock, now: sinceMonotonicZero},
		"a poll":        {clock: noClock, now: sinceMonotonicZero, poll: time.Millisecond},
		"it breaks":     broken,
	} {
		t.Run(name, func(t *testing.T) {
			if q == broken {
				defer q.newTimer(q.now() + time.Hour).Stop()
				require.Eventually(t, func() bool {
					stacks := make([]byte, 1<<20)
					return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "(*timerfd).wait")
				}, time.Minute, time.Millisecond)
				q.mu.Lock()
				q.fd.fd = -1
				q.mu.Unlock()
			}
			began := q.now()
			var all sync.WaitGroup
			for i := range 50 {
				due := began + time.Duration(i*i%50)*time.Millisecond/10
				if i == 0 {
					due = later(began, time.Second) // so that one is surely waited for
				}
				timer := q.newTimer(due)
				all.Go(func() {
					wait(t, timer)
					assert.GreaterOrEqual(t, q.now(), due)
				})
			}
			all.Wait()
			if q != broken {
				ended(t, q)
			}
			assert.Equal(t, name != "timerfd", q.instead != nil)
		})
	}
}

// Without a descriptor, what counts suspended time is looked at.
func TestAQueueWithoutADescriptorNoticesSuspension(t *testing.T) {
	var suspended atomic.Int64
	q := &timerQueue{clock: noClock, poll: time.Millisecond, now: func() time.Duration {
		return sinceMonotonicZero() + time.Duration(suspended.Load())
	}}
	timer := q.newTimer(q.now() + time.Hour)
	suspended.Store(int64(time.Hour))
	wait(t, timer)
	ended(t, q)
}

// A descriptor that fails while a timer runs makes that one no later.
func TestATimerOutlivesItsDescriptor(t *testing.T) {
	q := newQueue()
	var timer *fdTimer
	for runs, d := false, 10*time.Millisecond; !runs; d *= 2 { // it may be over before it is looked at
		timer = q.newTimer(q.now() + d)
		q.mu.Lock()
		if runs = timer.pending && q.now()+d/2 < timer.due; runs {
			q.fd.wake() // as if the read had failed
		}
		q.mu.Unlock()
	}
	wait(t, timer)
	ended(t, q)
	assert.Nil(t, q.fd)
	wait(t, q.newTimer(q.now()+time.Millisecond))
}

// Timers that are stopped do not keep the goroutine, and the next one is not
// late for it.
func TestAStoppedTimerLeavesNoGoroutine(t *testing.T) {
	q := newQueue()
	for range 100 {
		timer := q.newTimer(q.now() + time.Hour)
		require.True(t, timer.Stop())
		q.mu.Lock()
		require.True(t, q.started || q.now() >= q.armed, "it does not linger")
		q.mu.Unlock()
	}
	wait(t, q.newTimer(q.now()+time.Millisecond))
	require.True(t, q.newTimer(q.now()+time.Hour).Stop())
	ended(t, q)
	assert.Empty(t, q.running)
}

// A timer that is set to a later time, or stopped beside another one, costs no
// system call; an earlier one is not late for that.
func TestTheDescriptorIsSetForEarlierTimersOnly(t *testing.T) {
	q := newQueue()
	first, second := q.newTimer(q.now()+time.Hour), q.newTimer(q.now()+2*time.Hour)
	armed := q.armed
	first.Reset(3 * time.Hour)
	second.Reset(2 * time.Hour)
	require.True(t, first.Stop())
	assert.Equal(t, armed, q.armed)
	wait(t, q.newTimer(q.now()+time.Millisecond))
	require.True(t, second.Stop())
	ended(t, q)
}

func TestTimersAtTheEndOfTime(t *testing.T) {
	q := newQueue()
	timer := q.newTimer(later(q.now(), math.MaxInt64))
	require.Equal(t, time.Duration(math.MaxInt64), timer.due)
	timer.Reset(math.MinInt64)
	wait(t, timer)
	require.False(t, timer.Reset(time.Millisecond))
	wait(t, timer)
	ended(t, q)
}

// In a bubble the machine's clock is the bubble's, whatever it waits for, and no
// goroutine outside of it is woken.
func TestABubbleHasItsOwnTimers(t *testing.T) {
	assert.False(t, inBubble())
	synctest.Test(t, func(t *testing.T) {
		assert.True(t, inBubble())
		began := time.Now()
		timer := Real().NewTimer(time.Hour)
		_, isOurs := timer.(*fdTimer)
		assert.False(t, isOurs)
		<-timer.C()
		assert.Equal(t, time.Hour, time.Since(began))
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		cancel(enough)
		require.ErrorIs(t, SleepUntilBoot(ctx, Real(), math.MaxInt64), enough)
		require.NoError(t, SleepUntilBoot(t.Context(), Real(), sinceBoot()))
	})
	assert.IsType(t, &fdTimer{}, Real().NewTimer(0))
}

// However many timers there are, each clock has one descriptor, which no other
// program is given.
func TestAllTimersShareADescriptor(t *testing.T) {
	before := len(timerfds(t))
	for range 100 {
		defer Real().NewTimer(time.Hour).Stop()
		defer bootTime.newTimer(sinceBoot() + time.Hour).Stop()
	}
	assert.LessOrEqual(t, len(timerfds(t)), before+2)
	for _, q := range []*timerQueue{monotonic, bootTime} {
		flags, err := unix.FcntlInt(uintptr(q.fd.fd), unix.F_GETFD, 0)
		require.NoError(t, err)
		assert.Equal(t, unix.FD_CLOEXEC, flags)
	}
}

// timerfds returns the links of this process's descriptors that are timers.
func timerfds(t *testing.T) (found []string) {
	links, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.Contains(target, "timerfd") {
			found = append(found, link)
		}
	}
	return found
}

// The kernel's clock and ours differ by less than it takes to look.
func TestMonotonicZero(t *testing.T) {
	kernel := func() time.Duration {
		var ts unix.Timespec
		require.NoError(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts))
		return time.Duration(ts.Nano())
	}
	before := kernel()
	ours := sinceMonotonicZero()
	assert.GreaterOrEqual(t, ours, before, "a timer would be early")
	assert.Less(t, ours-kernel(), time.Millisecond)
}
