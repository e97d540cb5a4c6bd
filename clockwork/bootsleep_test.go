package clockwork_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
)

// SleepUntilBoot returns when Boot has come so far, and not before.
func TestSleepUntilBootOnTheRealClock(t *testing.T) {
	c := clockwork.Real()
	_, ok := c.(clockwork.BootSleeper)
	assert.Equal(t, runtime.GOOS == "linux", ok)
	at := c.Boot() + 20*time.Millisecond
	require.NoError(t, clockwork.SleepUntilBoot(t.Context(), c, at))
	assert.GreaterOrEqual(t, c.Boot(), at)
	require.NoError(t, clockwork.SleepUntilBoot(t.Context(), c, at), "it has passed")
	require.NoError(t, clockwork.SleepUntilBoot(t.Context(), c, 0))

	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(enough) })
	require.ErrorIs(t, clockwork.SleepUntilBoot(ctx, c, c.Boot()+time.Hour), enough)
	require.ErrorIs(t, clockwork.SleepUntilBoot(ctx, c, c.Boot()+time.Hour), enough)
}

// suspended is a clock whose machine can be suspended: timers do not notice.
type suspended struct {
	clockwork.Clock
	by atomic.Int64 // nanoseconds
}

func (s *suspended) Boot() time.Duration { return s.Clock.Boot() + time.Duration(s.by.Load()) }

// A clock that cannot wait by Boot is looked at four times a second.
func TestSleepUntilBootOnAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &suspended{Clock: clockwork.From(clock.New())}
		began := time.Now()
		require.NoError(t, clockwork.SleepUntilBoot(t.Context(), s, s.Boot()+1100*time.Millisecond))
		assert.Equal(t, 1100*time.Millisecond, time.Since(began))

		began = time.Now()
		at := s.Boot() + time.Hour
		time.AfterFunc(1100*time.Millisecond, func() { s.by.Store(int64(time.Hour)) })
		require.NoError(t, clockwork.SleepUntilBoot(t.Context(), s, at))
		assert.Equal(t, 1250*time.Millisecond, time.Since(began))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, clockwork.SleepUntilBoot(ctx, s, s.Boot()+1), context.Canceled)
	})
}
