package core_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
)

// A user who prefers to move time by hand, outside a bubble, injects the Mock. It
// synchronises nothing: the test itself waits for what it expects.
func TestTimeCanBeMovedByHand(t *testing.T) {
	mock := clock.NewMock()
	var beats atomic.Int64
	d := core.New("by hand", quiet(), core.WithClock(clockwork.From(mock)), core.Every(time.Hour),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			beats.Store(d.Iteration())
			return nil
		}))
	ended := make(chan int)
	ctx, stop := context.WithCancel(t.Context())
	go func() { ended <- d.Run(ctx) }()

	reached := func(n int64) func() bool { return func() bool { return beats.Load() >= n } }
	require.Eventually(t, reached(1), time.Minute, time.Millisecond)
	for n := int64(2); n <= 5; n++ {
		require.Eventually(t, func() bool {
			mock.Add(time.Minute) // again, should the daemon not have set its timer yet
			return reached(n)()
		}, time.Minute, time.Millisecond)
	}
	stop()
	require.Equal(t, 0, <-ended)
}
