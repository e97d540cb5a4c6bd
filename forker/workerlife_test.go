package forker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

var (
	leaver = newWorkers("leaver", forker.PoolConfig{
		Workers: 1, Timeout: time.Hour, Options: []forker.Option{forker.Grace(0)},
		Teardown: func(_ context.Context, c *forker.Child) error {
			c.Logf("hangs in teardown")
			roletest.Block()
			return nil
		},
	})

	untidy = newWorkers("untidy", forker.PoolConfig{
		Workers: 1, Teardown: func(context.Context, *forker.Child) error { return errors.New("no disk") },
	})
)

// A teardown has the time of a call.
func TestAWorkerThatHangsInItsTeardown(t *testing.T) {
	leakFree(t)
	mock := clock.NewMock()
	w := watched(t, &forker.Group{Clock: clockwork.From(mock)})
	require.NoError(t, syscall.Kill(workerOf(t, w.group, leaver), syscall.SIGTERM))
	w.await(t, "log hangs in teardown", 1)
	roletest.Eventually(t, "its end", func() bool {
		mock.Add(time.Hour)
		return w.count("reap leaver killed by SIGKILL") == 1
	})
}

func TestATeardownThatFailsIsTold(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	pid := workerOf(t, w.group, untidy)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	w.await(t, fmt.Sprintf("failure forker: worker of pool untidy (PID %d): its teardown: no disk", pid), 1)
}

// One death after an answer costs no pause, however many there are; nor does the
// first after a stop that was given up.
func TestDeathsBetweenAnswersCostNoPause(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{Clock: clockwork.From(clock.NewMock())}) // no pause would end
	kill := func() {
		reaped := w.count("reap one killed by SIGKILL")
		require.NoError(t, syscall.Kill(w.group.List()[0].PID, syscall.SIGKILL))
		w.await(t, "reap one killed by SIGKILL", reaped+1)
	}
	require.NoError(t, one.pool.Start(roletest.Within(t), w.group))
	for range 3 {
		workerOf(t, w.group, one)
		kill()
	}
	w.await(t, "log set up", 4)
	kill()
	roletest.Eventually(t, "its end", func() bool { return poolInfo(t, w.group).Crashed == 4 })
	require.Equal(t, 4, w.count("fork"), "there is a pause")

	w.group.Stop(roletest.Within(t))
	w.group.Accept()
	w.await(t, "log set up", 5)
	roletest.Eventually(t, "a worker that is ready", func() bool { return poolInfo(t, w.group).Idle == 1 })
	kill()
	workerOf(t, w.group, one)
}

// Workers end before a restart, also where all tasks outlive it.
func TestWorkersDoNotOutliveARestart(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{Options: []forker.Option{forker.OutliveRestart(), forker.AtMost(1)}})
	require.NoError(t, two.pool.Start(roletest.Within(t), w.group))
	require.Nil(t, w.group.StopForRestart(roletest.Within(t)))
	require.False(t, w.group.Paused())
	require.Equal(t, 2, w.count("reap two exit status 0"))
}

// A worker that no other could replace is not recycled.
func TestTheLastWorkersAreNotRecycled(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	first := workerOf(t, w.group, thrice)
	w.group.Refuse()
	for range 5 {
		require.Equal(t, first, workerOf(t, w.group, thrice))
	}
}

// A call that a worker did not get comes before those that were queued since.
func TestACallThatWasNotSentKeepsItsTurn(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	ended := make(chan string, 2)
	w.group.Deliver = func(f func()) { f() }
	queued := make(chan struct{})
	w.group.Processes = &sending{first: func(context.Context, forker.Process) error {
		<-queued
		return errors.New("broken pipe")
	}}
	for _, text := range []string{"a", "b"} {
		c, err := one.twice.Submit(t.Context(), w.group, text)
		require.NoError(t, err)
		c.Then(func(out string, _ error) { ended <- out })
	}
	close(queued)
	require.Equal(t, "aa", <-ended)
	require.Equal(t, "bb", <-ended)
}

// One that a worker got at its very end may have run.
func TestACallThatIsSentToAWorkerThatHasEnded(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	w.group.Processes = &sending{first: func(_ context.Context, p forker.Process) error {
		_ = p.Signal(syscall.SIGKILL)
		w.await(t, "reap one", 1)
		return nil
	}}
	_, err := one.twice.Call(roletest.Within(t), w.group, strings.Repeat("x", 100<<10)) // so much is sent by a goroutine of its own
	require.ErrorIs(t, err, forker.ErrWorkerDied)
	callError(t, err, true)
}

// A call that is to be retried is not where no worker is left for it, and is not
// said not to have run.
func TestACallIsNotRetriedAtAStop(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	c, err := again.hang.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	w.await(t, "log hangs", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Len(t, w.group.Stop(ctx), 1)
	_, err = c.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrWorkerDied)
	callError(t, err, true)
}

// deafToFinish is real processes that cannot be told to finish.
type deafToFinish struct{ forker.OS }

type deafToFinishProcess struct{ forker.Process }

func (d deafToFinish) Start(c forker.Command) (forker.Process, error) {
	p, err := d.OS.Start(c)
	return deafToFinishProcess{p}, err
}

func (p deafToFinishProcess) Send(ctx context.Context, m forker.Message) error {
	if m.Kind == forker.Finish {
		return errors.New("broken pipe")
	}
	return p.Process.Send(ctx, m)
}

// A worker that cannot be told to finish gets SIGTERM.
func TestAWorkerThatCannotBeToldToFinish(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{Processes: deafToFinish{}})
	workerOf(t, w.group, two)
	require.Nil(t, w.group.Stop(roletest.Within(t)))
	require.Equal(t, 1, w.count("log torn down"))
}
