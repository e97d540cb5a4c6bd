package core

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	benclock "github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// What a program hands over arrives whole.
func TestTheNextProgramLearnsAll(t *testing.T) {
	text := "x"
	h := handover{
		PIDFile: &text, Lease: &text, Boot: 1, Schedule: clockwork.ScheduleState{GridAge: 2, Interval: 3, Served: 4, Counted: 5, DueIn: 6},
		Iterations: 7, Overruns: 8, Missed: 9, Failures: 10, Started: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Restarts: pastRestarts{
			Ready: 11, Up: 19, Restarts: 12, ErrorRestarts: []time.Duration{13, 14}, InARow: 15, LastError: 16, LastCause: "x", MemoryInARow: 17, LastMemory: 18,
		},
		Alerts: json.RawMessage(`"x"`),
	}
	past := reflect.ValueOf(h.Restarts)
	for i := range past.NumField() {
		assert.False(t, past.Field(i).IsZero(), "this test leaves %s out", past.Type().Field(i).Name)
	}
	state, err := json.Marshal(h)
	require.NoError(t, err)
	got, err := readHandover(state)
	require.NoError(t, err)
	assert.Equal(t, &h, got)
	var c counters
	c.restore(got.stats())
	s := c.stats(time.Time{})
	assert.Equal(t, []int64{7, 8, 9, 10}, []int64{s.Iterations, s.Overruns, s.Missed, s.Failures})
}

// The window of restarts after errors, and the row that they stand in, end at
// their very instants.
func TestTheWindowOfErrorRestarts(t *testing.T) {
	const window = time.Hour
	var h restartHistory
	restart := func(at time.Duration) string {
		inARow, allowed := h.errorRestart(at, window, 2)
		return fmt.Sprint(inARow, allowed)
	}
	assert.Equal(t, "0 true", restart(1))
	assert.Equal(t, "1 true", restart(quietAfter), "quietAfter is not over")
	assert.Equal(t, "2 false", restart(2*quietAfter))
	assert.Equal(t, "2 false", restart(window), "one that is refused has no effect")
	assert.Equal(t, "2 false", restart(window+1), "the first one is in the window still")
	assert.Equal(t, "0 true", restart(window+2))
	assert.Equal(t, "1 true", restart(window+2+quietAfter-1))
	assert.Equal(t, "2 false", restart(2*window+1))

	h = restartHistory{}
	assert.Equal(t, "0 true", restart(1))
	assert.Equal(t, "0 true", restart(1+quietAfter), "quietAfter is over")
}

// The late end of an iteration is not that of the next one.
func TestALateEndLeavesTheNextIterationRunning(t *testing.T) {
	c := counters{epoch: time.Now()}
	_, first := c.begin(c.epoch.Add(time.Second))
	_, second := c.begin(c.epoch.Add(2 * time.Second))
	c.idle(first)
	started, running := c.startOfRunning()
	assert.True(t, running)
	assert.Equal(t, c.epoch.Add(2*time.Second), started)
	c.idle(second)
	_, running = c.startOfRunning()
	assert.False(t, running)
}

// A time-out that is reached between two iterations of interval 0 counts for the
// next one.
func TestATimeoutBetweenTwoIterationsIsSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sleeper(IterationTimeout(time.Minute))
		defer m.end()
		assert.Equal(t, stateExecuting, m.onIterationTimeout(event{kind: iterationTimedOut}))
		assert.Equal(t, time.Minute, time.Until(m.timers.next()))

		m.d.counters.epoch = time.Now()
		m.d.counters.begin(time.Now().Add(-20 * time.Second))
		assert.Equal(t, stateExecuting, m.onIterationTimeout(event{kind: iterationTimedOut}))
		assert.Equal(t, 40*time.Second, time.Until(m.timers.next()))
	})
}

// sleeping is a machine whose loop sleeps, in the hands of a test.
type sleeping struct{ *machine }

func sleeper(options ...Option) sleeping {
	d := New("d", options...)
	d.set, d.host.Clock = d.declared(), clockwork.From(benclock.New()) // whose Boot follows the bubble
	m := newMachine(d, nil, &lifecycle)
	m.state = stateSleeping
	m.schedule = gridTicks{clockwork.NewSchedule(d.set.pacing, d.host.Clock.Now(), d.host.Clock.Wall())}
	return sleeping{m}
}

func (s sleeping) end() {
	s.timers.stop()
	s.handlers.close()
	s.jobs.close()
}

// An iteration that does not start, because its lease has lapsed, leaves the
// tick to come, should the lease be renewed in the same instant.
func TestATickOutlivesALeaseThatHasLapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sleeper(Every(time.Second))
		defer m.end()
		clock := m.d.host.Clock
		const ttl = 4 * time.Second
		lease, err := lock.NewMemory(clock).Lock("x", ttl).Acquire(t.Context(), lock.Owner{Name: "d", PID: 1, Host: "h"})
		require.NoError(t, err)

		m.lease = newLeaseRenewer(&attempt{lease: lease, asked: clock.Boot() - ttl}, clock, t.Logf)
		assert.Equal(t, stateSleeping, m.onTick(event{kind: tickDue}))
		assert.False(t, m.jobs.running)
		e, ok := m.d.queue.take()
		require.True(t, ok)
		assert.Equal(t, event{kind: leaseLost, cause: causeNotRenewed}, e)

		m.lease = newLeaseRenewer(&attempt{lease: lease, asked: clock.Boot()}, clock, t.Logf) // renewed
		assert.Equal(t, stateSleeping, m.onLeaseLostIdle(e))
		assert.True(t, m.timers.isSet(tickAt))
		assert.True(t, m.timers.isSet(leaseAt))
	})
}
