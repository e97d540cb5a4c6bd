package lock_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// pauses is a clock whose timers run for another time than they are set to. It
// notes the pauses that were asked for, and does something at the start of each.
type pauses struct {
	clockwork.Clock
	last  time.Duration
	asked []time.Duration
	start func(n int) // the n-th pause, from 1
}

func (p *pauses) NewTimer(d time.Duration) clockwork.Timer {
	p.asked = append(p.asked, d)
	p.start(len(p.asked))
	return p.Clock.NewTimer(p.last)
}

// Acquire of a held lock waits a little for the details of a new holder, by the
// clock that Bind has given.
func TestFileWaitsForTheHoldersDetails(t *testing.T) {
	foreign := `{"name":"poller","pid":4194305,"host":"elsewhere","token":9}`
	for _, c := range []struct {
		name          string
		before, after string // after the third pause
		holder        int
		pauses        int
	}{
		{"the details are there", ownDetails(t), ownDetails(t), os.Getpid(), 0},
		{"they come during the wait", "", ownDetails(t), os.Getpid(), 3},
		{"those of a dead owner are replaced", staleDetails(self().Host), ownDetails(t), os.Getpid(), 3},
		{"they do not come", "", "", 0, 6},
		{"the dead owner stays", staleDetails(self().Host), staleDetails(self().Host), 4194305, 6},
		{"another host's owner, who cannot be seen", foreign, foreign, 4194305, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.lock")
			mustTake(t, path)
			writeTo(t, path, c.before)
			clock := &pauses{Clock: clockwork.Real(), start: func(n int) {
				if n == 3 {
					writeTo(t, path, c.after)
				}
			}}
			_, err := lock.File(filepath.Base(path)).Bind(filepath.Dir(path), clock).Acquire(t.Context(), self())
			var held *lock.HeldError
			require.ErrorAs(t, err, &held)
			assert.Equal(t, c.holder, held.Holder.PID)
			require.Len(t, clock.asked, c.pauses)
			for n, d := range clock.asked {
				assert.Equal(t, time.Millisecond<<n, d)
			}
		})
	}
}

// A context that ends cuts the wait short, and the lock is held all the same.
func TestFileStopsWaitingWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	mustTake(t, path)
	writeTo(t, path, "")
	ctx, cancel := context.WithCancel(t.Context())
	clock := &pauses{Clock: clockwork.Real(), last: time.Hour, start: func(int) { cancel() }}
	_, err := lock.File(path).Bind("/", clock).Acquire(ctx, self())
	require.ErrorIs(t, err, lock.ErrHeld)
	assert.Len(t, clock.asked, 1)
}

// ownDetails is what this process leaves in a lock file.
func ownDetails(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "own.lock")
	lease := mustTake(t, path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, lease.Release(t.Context()))
	return string(text)
}
