package lock_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/lock"
)

// The file, and the error of who is refused, say by which command line the holder was
// started, and which of all processes of its number it is.
func TestFileTellsTheHoldersCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	who := self()
	who.Start, who.Command = "boot/17", `/usr/bin/poller -d --filter "<a> & b"`
	lease, err := lock.File(path).Acquire(t.Context(), who)
	require.NoError(t, err)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var in map[string]any
	require.NoError(t, json.Unmarshal(text, &in))
	assert.Equal(t, who.Command, in["command"])
	assert.Equal(t, who.Start, in["start"])

	_, err = lock.File(path).Acquire(t.Context(), self())
	var held *lock.HeldError
	require.ErrorAs(t, err, &held)
	assert.Equal(t, who.Command, held.Holder.Command)
	assert.Equal(t, who.Start, held.Holder.Start)
	assert.Zero(t, held.TTL)
	require.NoError(t, lease.Release(t.Context()))
}

// A command line in a file that somebody has edited forges no log line, and is
// cut; the longest that there may be is read whole.
func TestFileReadsACommandLineWithCare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	for given, want := range map[string]string{
		"poller\n[2026-01-01 00:00:00] 1 all is well": "poller\ufffd[2026-01-01 00:00:00] 1 all is well",
		strings.Repeat("<", 1024):                     strings.Repeat("<", 1024),
		strings.Repeat("x", 4000):                     strings.Repeat("x", 1024),
	} {
		who := self()
		who.Command = given
		lease, err := lock.File(path).Acquire(t.Context(), who)
		require.NoError(t, err)
		_, err = lock.File(path).Acquire(t.Context(), self())
		var held *lock.HeldError
		require.ErrorAs(t, err, &held)
		assert.Equal(t, want, held.Holder.Command)
		require.NoError(t, lease.Release(t.Context()))
	}
}

// Look tells the holder, and takes nothing.
func TestFileLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	l := lock.File(path)
	require.NoError(t, l.Look(t.Context()), "there is no file")
	assert.NoFileExists(t, path)
	lease := mustTake(t, path)
	var held *lock.HeldError
	require.ErrorAs(t, l.Look(t.Context()), &held)
	assert.Equal(t, os.Getpid(), held.Holder.PID)
	assert.Equal(t, l.String(), held.Lock)
	require.NoError(t, lease.Renew(t.Context()))
	require.NoError(t, lease.Release(t.Context()))
	require.NoError(t, l.Look(t.Context()), "it is released")
	mustTake(t, path)

	writeTo(t, path, "garbage")
	err := l.Look(t.Context())
	require.ErrorContains(t, err, "look at file:"+path)
	require.NotErrorIs(t, err, lock.ErrHeld)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, l.Look(done), context.Canceled)
}

func TestMemoryLook(t *testing.T) {
	m := newStore()
	l := m.Lock("x", 0)
	require.NoError(t, l.(lock.Looker).Look(t.Context()))
	lease, err := l.Acquire(t.Context(), owner(1))
	require.NoError(t, err)
	var held *lock.HeldError
	require.ErrorAs(t, l.(lock.Looker).Look(t.Context()), &held)
	assert.Equal(t, owner(1), held.Holder)
	require.NoError(t, lease.Release(t.Context()))
	require.NoError(t, l.(lock.Looker).Look(t.Context()))
	m.SetOutage(context.DeadlineExceeded)
	require.ErrorIs(t, l.(lock.Looker).Look(t.Context()), context.DeadlineExceeded)
}
