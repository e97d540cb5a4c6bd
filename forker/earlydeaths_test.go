package forker_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

// dying is a group of which two early deaths of one task are too many, and what it
// is told of that.
func dying(t *testing.T) (w *witness, mock *clock.Mock, told chan string) {
	mock, told = clock.NewMock(), make(chan string, 9)
	w = watched(t, &forker.Group{Clock: clockwork.From(mock), MaxEarlyDeaths: 1})
	w.group.OnEarlyDeaths = func(task string, err error) { told <- fmt.Sprint(task, " ", err != nil) }
	return w, mock, told
}

// die forks a child that dies at once.
func die(t *testing.T, w *witness) {
	t.Helper()
	h, err := dies.Fork(w.group, syscall.SIGKILL)
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "killed by SIGKILL")
}

// A child that is told to end in its trial has shown nothing: another one is tried.
func TestATrialThatIsToldToEndShowsNothing(t *testing.T) {
	w, mock, told := dying(t)
	die(t, w)
	die(t, w)
	require.Equal(t, "dies true", <-told)
	_, err := dies.Fork(w.group, 0)
	require.ErrorIs(t, err, forker.ErrEarlyDeaths)
	mock.Add(time.Second)
	trial, err := dies.Fork(w.group, 0)
	require.NoError(t, err)
	_, err = dies.Fork(w.group, 0)
	require.ErrorContains(t, err, "one is being tried")
	trial.Kill()
	<-trial.Done()
	trial, err = dies.Fork(w.group, 0)
	require.NoError(t, err)
	require.Empty(t, told)
	mock.Add(3 * time.Second)
	_, err = dies.Fork(w.group, 0)
	require.NoError(t, err, "the one that was tried lives")
	require.Equal(t, "dies false", <-told)
	trial.Kill()
}

// The pauses between two trials have a limit.
func TestTrialsComeAgainAndAgain(t *testing.T) {
	w, mock, told := dying(t)
	die(t, w)
	for range 12 {
		mock.Add(5 * time.Minute)
		die(t, w)
	}
	require.Empty(t, told, "deaths that are not within a minute")
	die(t, w)
	require.Equal(t, "dies true", <-told)
	for range 12 { // the pauses grow to five minutes
		mock.Add(5 * time.Minute)
		die(t, w)
	}
	require.Empty(t, told)
}

// Children that are told to end have not died early, however young they are.
func TestChildrenThatAreKilledHaveNotDiedEarly(t *testing.T) {
	w, _, told := dying(t)
	for range 4 {
		h, err := dies.Fork(w.group, 0)
		require.NoError(t, err)
		h.Kill()
		<-h.Done()
	}
	require.Empty(t, told)
}

// Those that are queued end with the one too many.
func TestQueuedChildrenEndWithTheOneTooMany(t *testing.T) {
	w, _, told := dying(t)
	w.group.Max, w.group.Full = 1, forker.Queue
	var handles []*forker.Handle[none]
	for range 4 {
		h, err := dies.Fork(w.group, syscall.SIGKILL)
		require.NoError(t, err)
		handles = append(handles, h)
	}
	other, err := square.Fork(w.group, 3)
	require.NoError(t, err)
	for i, h := range handles {
		_, err := h.Wait(roletest.Within(t))
		if i > 1 {
			require.ErrorIs(t, err, forker.ErrEarlyDeaths)
		}
	}
	require.Equal(t, "dies true", <-told)
	n, err := other.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, 9, n)
}

var stillborn = newWorkers("stillborn", forker.PoolConfig{Workers: 1, Setup: exitInSetup})

// Workers that die in their set-up are a task's early deaths.
func TestWorkersThatDieInTheirSetUp(t *testing.T) {
	w, mock, told := dying(t)
	var over atomic.Bool
	go func() {
		_, _ = stillborn.twice.Call(t.Context(), w.group, "x")
		over.Store(true)
	}()
	roletest.Eventually(t, "too many deaths", func() bool {
		mock.Add(20 * time.Millisecond)
		return len(told) > 0
	})
	require.Equal(t, "stillborn true", <-told)
	require.False(t, over.Load())
}
