package lock_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/lock"
)

// waited returns how long Wait for the lock on path takes. It runs in a bubble.
func waited(t *testing.T, path string) time.Duration {
	t.Helper()
	l := lock.File(path).Bind("/", clockwork.From(clock.New())).(lock.Waiter)
	began := time.Now()
	require.NoError(t, l.Wait(t.Context()))
	return time.Since(began)
}

// Wait looks every 40 ms, and returns after a second where nothing happens.
func TestFileWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	for name, c := range map[string]struct {
		free func(t *testing.T, l lock.Lease)
		want time.Duration
	}{
		"released": {func(t *testing.T, l lock.Lease) { assert.NoError(t, l.Release(t.Context())) }, 120 * time.Millisecond},
		"deleted":  {func(t *testing.T, _ lock.Lease) { assert.NoError(t, os.Remove(path)) }, 120 * time.Millisecond},
		"held":     {func(t *testing.T, l lock.Lease) { assert.NoError(t, l.Renew(t.Context())) }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Zero(t, waited(t, path), "it is free")
				lease := mustTake(t, path)
				time.AfterFunc(90*time.Millisecond, func() { c.free(t, lease) })
				assert.Equal(t, c.want, waited(t, path))
			})
		})
	}
}

// Who waits for the lock does not hinder others that wait, even while it looks: they
// see at once that it is free.
func TestFileWaitersDoNotHinderEachOther(t *testing.T) {
	path := writeTo(t, filepath.Join(t.TempDir(), "x.lock"), `{"token":7}`)
	look, err := os.Open(path)
	require.NoError(t, err)
	defer look.Close()
	require.NoError(t, unix.Flock(int(look.Fd()), unix.LOCK_SH))
	synctest.Test(t, func(t *testing.T) {
		assert.Zero(t, waited(t, path), "another one keeps it out")
	})
}

// Where the file cannot be opened, Wait says so, and the caller pauses by itself.
func TestFileWaitSaysWhatIsWrong(t *testing.T) {
	err := lock.File(t.TempDir()).Wait(t.Context())
	require.ErrorContains(t, err, "lock: wait for file:")
	require.NoError(t, lock.File(filepath.Join(t.TempDir(), "none", "x.lock")).Wait(t.Context()), "Acquire says it better")
}

// yields is a clock by which a pause lets something happen.
type yields struct {
	clockwork.Clock
	then func()
}

func (c yields) NewTimer(time.Duration) clockwork.Timer {
	c.then()
	return c.Clock.NewTimer(0)
}

// Who waits for the lock has it for an instant, to see that it is free. That keeps
// nobody out.
func TestFileAcquireOutlivesALook(t *testing.T) {
	path := writeTo(t, filepath.Join(t.TempDir(), "x.lock"), `{"token":7}`)
	look, err := os.Open(path)
	require.NoError(t, err)
	defer look.Close()
	require.NoError(t, unix.Flock(int(look.Fd()), unix.LOCK_SH))
	unlock := func() { assert.NoError(t, unix.Flock(int(look.Fd()), unix.LOCK_UN)) }
	lease, err := lock.File(path).Bind("/", yields{clockwork.Real(), unlock}).Acquire(t.Context(), self())
	require.NoError(t, err)
	require.NoError(t, lease.Release(context.Background()))
}

// BenchmarkFileLook is what one look of a Wait costs.
func BenchmarkFileLook(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.lock")
	lease, err := lock.File(path).Acquire(b.Context(), self())
	require.NoError(b, err)
	l := lock.File(path).Bind("/", &jumps{Clock: clockwork.Real()}).(lock.Waiter)
	for b.Loop() {
		require.NoError(b, l.Wait(b.Context()))
	}
	require.NoError(b, lease.Release(b.Context()))
}

// jumps is a clock that goes on by a second with each look at it.
type jumps struct {
	clockwork.Clock
	looks time.Duration
}

func (c *jumps) Boot() time.Duration {
	c.looks++
	return c.looks * time.Second
}
