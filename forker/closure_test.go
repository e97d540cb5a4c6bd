package forker_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestAFunctionRunsWithinTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watched(t, &forker.Group{Max: 2, Timeout: time.Minute})
		require.NoError(t, w.group.Go(func(context.Context) error { panic("boom") }))
		synctest.Wait()
		require.NoError(t, w.group.Go(untilDone))
		require.NoError(t, w.group.Go(func(context.Context) error {
			time.Sleep(time.Second)
			return nil
		}))
		require.ErrorIs(t, w.group.Go(untilDone), forker.ErrFull)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Contains(t, w.all()[0], "boom")
		require.Contains(t, w.all()[0], "closure_test.go")

		list := w.group.List()
		require.Len(t, list, 1)
		require.Equal(t, "github.com/evertick/evertick/forker_test.untilDone", list[0].Task)
		require.Equal(t, forker.Running, list[0].State)
		require.Zero(t, list[0].PID)

		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, "failure forker: function github.com/evertick/evertick/forker_test.untilDone: "+
			"it has not returned within its time-out of 1m0s: context deadline exceeded", w.all()[1])
		require.Empty(t, w.group.List())
		require.Len(t, w.all(), 2, "no process, so no fork and no reap")
	})
}

func TestAFunctionsErrorsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watched(t, &forker.Group{})
		require.NoError(t, w.group.Go(func(context.Context) error { return nil }))
		require.NoError(t, w.group.Go(func(context.Context) error { return errors.New("no database") }))
		synctest.Wait()
		require.Len(t, w.all(), 1)
		require.Contains(t, w.all()[0], ": no database")
		require.NoError(t, w.group.Go(func(context.Context) error {
			runtime.Goexit()
			return nil
		}))
		synctest.Wait()
		require.Contains(t, w.all()[1], "runtime.Goexit")

		require.EqualError(t, w.group.Go(nil), "forker: run a function: it is nil")
		require.ErrorContains(t, w.group.Go(untilDone, forker.Nice(1)), "need a process")
		require.ErrorContains(t, w.group.Go(untilDone, forker.Timeout(-1)), "is not positive")
	})
}

func TestStopLeavesAFunctionBehindThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watched(t, &forker.Group{})
		release := make(chan struct{})
		require.NoError(t, w.group.Go(func(context.Context) error {
			<-release
			return nil
		}, forker.Timeout(time.Second), forker.Grace(time.Second)))
		require.NoError(t, w.group.Go(untilDone))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, forker.Told, w.group.List()[0].State, "nothing kills it")

		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		left := w.group.Stop(ctx)
		require.Equal(t, 3*time.Second, time.Since(began))
		require.Len(t, left, 1)
		require.Equal(t, forker.Told, left[0].State)
		require.Len(t, w.group.List(), 1)
		close(release)
		synctest.Wait()
		require.Empty(t, w.group.List())
	})
}
