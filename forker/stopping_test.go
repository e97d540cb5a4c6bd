package forker_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

// pausing is real processes whose Pause is followed by a function, with its error.
type pausing struct {
	forker.OS
	after func(p forker.Process, err error) error
	told  chan struct{} // gets a value for each SIGTERM
}

func (s *pausing) Start(c forker.Command) (forker.Process, error) {
	p, err := s.OS.Start(c)
	if err != nil {
		return nil, err
	}
	return &pausingProcess{p.(forker.Pausable), s}, nil
}

type pausingProcess struct {
	forker.Pausable
	s *pausing
}

func (p *pausingProcess) Pause(ctx context.Context) error {
	return p.s.after(p, p.Pausable.Pause(ctx))
}

func (p *pausingProcess) Signal(sig syscall.Signal) error {
	if sig == syscall.SIGTERM {
		p.s.told <- struct{}{}
	}
	return p.Pausable.Signal(sig)
}

// forkOutliving forks a child that outlives a restart, and waits until it is there.
func forkOutliving(t *testing.T, w *witness, task *forker.Task[none, none]) *forker.Handle[none] {
	t.Helper()
	there := w.count("log there") + 1
	h, err := task.Fork(w.group, none{}, forker.OutliveRestart())
	require.NoError(t, err)
	w.await(t, "log there", there)
	return h
}

// A stop that comes while children are paused for a restart ends them: none stays
// paused behind it.
func TestAStopWhileChildrenArePaused(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	stopped := make(chan []forker.Info, 1)
	processes := &pausing{told: make(chan struct{}, 9)}
	processes.after = func(_ forker.Process, err error) error {
		go func() { stopped <- w.group.Stop(context.Background()) }()
		<-processes.told // by Stop, before the group knows of the pause
		return err
	}
	w.group.Processes = processes
	h := forkOutliving(t, w, waits)
	require.Nil(t, w.group.StopForRestart(roletest.Within(t)))
	require.Nil(t, <-stopped)
	require.False(t, w.group.Paused())
	_, err := h.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrKilled)
	require.ErrorContains(t, err, "context canceled")
}

// One that ends by itself just before it is paused was not told to end.
func TestAChildThatEndsBeforeItIsPaused(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	w.group.Processes = &pausing{told: make(chan struct{}, 9), after: func(p forker.Process, err error) error {
		require.NoError(t, err)
		p.(*pausingProcess).Resume()
		_ = p.Signal(syscall.SIGKILL)
		for err == nil { // until it is about to be reaped
			if err = p.(*pausingProcess).Pausable.Pause(context.Background()); err == nil {
				p.(*pausingProcess).Resume()
			}
		}
		return err
	}}
	h := forkOutliving(t, w, hangs)
	w.group.StopForRestart(roletest.Within(t))
	_, err := h.Wait(roletest.Within(t))
	var exit *forker.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, syscall.SIGKILL, exit.Exit.Signal)
}

// One that cannot be paused is told to end, as others are.
func TestAChildThatCannotBePaused(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	w.group.Processes = &pausing{told: make(chan struct{}, 9), after: func(p forker.Process, _ error) error {
		p.(*pausingProcess).Resume()
		return errors.New("a function does not return")
	}}
	h := forkOutliving(t, w, waits)
	require.Nil(t, w.group.StopForRestart(roletest.Within(t)))
	_, err := h.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrKilled)
}

// A restart that is given up leaves no trace: the next one spares children again.
func TestARestartAfterAStopThatWasGivenUp(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	require.Nil(t, w.group.Stop(roletest.Within(t)))
	w.group.Accept()
	h := forkOutliving(t, w, waits)
	require.Nil(t, w.group.StopForRestart(roletest.Within(t)))
	require.True(t, w.group.Paused())
	w.group.Accept()
	require.False(t, w.group.Paused())
	h.Kill()
	_, err := h.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrKilled)
}

// A queued child that cannot be started makes way for the next.
func TestAQueuedChildThatCannotBeStarted(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{Max: 1, Full: forker.Queue})
	first := forkHung(t, w, waits, 1)[0]
	second, err := square.Fork(w.group, 2, forker.Dir("/no/such/folder"))
	require.NoError(t, err)
	third, err := square.Fork(w.group, 3)
	require.NoError(t, err)
	first.Kill()
	n, err := third.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, 9, n)
	_, err = second.Wait(roletest.Within(t))
	require.ErrorIs(t, err, os.ErrNotExist)
}
