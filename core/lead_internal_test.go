package core

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
)

// lateClock is a clock of a bubble whose timers fire late, and which takes a
// microsecond to read.
type lateClock struct {
	clockwork.Clock
	latency *time.Duration
	reads   *int
}

func (c lateClock) Now() time.Time {
	*c.reads++
	time.Sleep(time.Microsecond)
	return c.Clock.Now()
}

func (c lateClock) NewTimer(d time.Duration) clockwork.Timer {
	return lateTimer{c.Clock.NewTimer(d + *c.latency), c.latency}
}

type lateTimer struct {
	clockwork.Timer
	latency *time.Duration
}

func (t lateTimer) Reset(d time.Duration) bool { return t.Timer.Reset(d + *t.latency) }

// awaitTick returns how late the event of a tick comes.
func awaitTick(t *testing.T, timers *timers, clock clockwork.Clock, at time.Time) time.Duration {
	t.Helper()
	timers.set(tickAt, at)
	for posted := false; ; {
		next, now := timers.expire(func(e event) { posted = e.kind == tickDue })
		if posted {
			late := clock.Now().Sub(at)
			require.GreaterOrEqual(t, late, time.Duration(0), "a tick is early")
			return late
		}
		timers.wait(make(chan struct{}, 1), next, now)
	}
}

// What a wake-up was late is met by the next tick; when the machine wakes sooner
// again, less and less time is spent reading the clock.
func TestTicksHaveALead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 50 * time.Millisecond
		latency, reads := 300*time.Microsecond, 0
		clock := lateClock{clockwork.Real(), &latency, &reads}
		timers := newTimers(clock)
		defer timers.stop()
		timers.leads = true // a bubble has none
		at := clock.Now().Add(interval)
		ticks := func(n int) (latest time.Duration, readings int) {
			reads = 0
			for range n {
				latest = max(latest, awaitTick(t, timers, clock, at))
				at = at.Add(interval)
			}
			return latest, reads
		}

		first, _ := ticks(1)
		assert.GreaterOrEqual(t, first, latency, "its lateness is not known yet")
		late, _ := ticks(10)
		assert.Less(t, late, latency/10)

		latency = 50 * time.Microsecond
		late, many := ticks(10)
		assert.Less(t, late, latency, "the time is waited out")
		ticks(500)
		_, few := ticks(10)
		assert.Less(t, few, many/3, "readings of the clock")

		latency = 20 * time.Millisecond
		ticks(10)
		_, readings := ticks(10)
		assert.Less(t, readings, 10*20, "what no lead can meet costs nothing")
		latency = 0
		_, readings = ticks(1)
		assert.Less(t, readings, int(interval/leadShare/time.Microsecond)+20, "a lead has a limit")
	})
}

func TestALeadIsBounded(t *testing.T) {
	var l lead
	assert.Zero(t, l.of(time.Hour))
	l.observe(time.Second)
	assert.Equal(t, maxLead, l.of(time.Hour))
	assert.Equal(t, 500*time.Microsecond, l.of(50*time.Millisecond))
	assert.Zero(t, l.of(-time.Second))
	for range 10 * leadDecay {
		l.observe(0)
	}
	assert.Less(t, l.of(time.Hour), maxLead/100)
}

// An event ends the reading of the clock.
func TestABusyWaitEndsWithAnEvent(t *testing.T) {
	timers := newTimers(clockwork.Real())
	defer timers.stop()
	wake := make(chan struct{}, 1)
	time.AfterFunc(time.Millisecond, func() { wake <- struct{}{} })
	timers.busyWait(wake, time.Now().Add(time.Hour))
}

// The machine's clock, too, and only outside of a bubble.
func TestTicksOfTheMachineAreNeverEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { assert.False(t, newTimers(clockwork.Real()).leads) })
	clock := clockwork.Real()
	timers := newTimers(clock)
	defer timers.stop()
	assert.True(t, timers.leads)
	timers.lead = lead(maxLead)
	first := clock.Now()
	for n := range 10 {
		awaitTick(t, timers, clock, first.Add(time.Duration(n+1)*20*time.Millisecond))
	}
}
