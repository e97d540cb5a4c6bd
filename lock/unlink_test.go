package lock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/evertick/evertick/lock"
)

// A program that unlinks the file when it is done, as many do, makes
// others lock a file that the path no longer names. They must notice, or two
// would hold the lock.
func TestFileUnlinkedByItsHolder(t *testing.T) {
	const enough = 500
	path := filepath.Join(t.TempDir(), "x.lock")
	var (
		all         sync.WaitGroup
		inside, won atomic.Int32
		crowded     atomic.Bool
	)
	for range 4 {
		all.Go(func() {
			for won.Load() < enough {
				lease, err := lock.File(path).Acquire(context.Background(), self())
				if errors.Is(err, lock.ErrHeld) {
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				won.Add(1)
				if inside.Add(1) != 1 {
					crowded.Store(true)
				}
				inside.Add(-1)
				assert.NoError(t, os.Remove(path))
				assert.NoError(t, lease.Release(context.Background()))
			}
		})
	}
	all.Wait()
	assert.False(t, crowded.Load(), "two held the lock at once")
}
