package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/internal/safefile"
)

// filePoll is the time between two looks at a lock file that is waited for. No
// system tells of the end of a flock(2): a thread that blocks in it cannot be
// told to give up, and inotify(7) tells of a file that is closed before it is
// unlocked, of every other one who asks, and nothing where its watches are used
// up or the file is on a network.
const filePoll = 40 * time.Millisecond

// Wait returns nil when nobody holds the lock, and at the latest after a second.
// It looks every 40 ms.
func (f FileLock) Wait(ctx context.Context) error {
	for end := f.clock.Boot() + waitPause; ; {
		free, err := f.free(ctx)
		if err == nil && (free || f.clock.Boot() >= end) {
			return nil
		}
		if err == nil {
			err = clockwork.Sleep(ctx, f.clock, filePoll)
		}
		if err != nil {
			return fmt.Errorf("lock: wait for %s: %w", f, err)
		}
	}
}

// free reports whether nobody holds the lock. It asks by a shared lock, which it
// has for an instant where the lock is free, and which does not keep out others
// that wait.
func (f FileLock) free(ctx context.Context) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	file, err := safefile.Open(f.path, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	err = flock(file, unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err == nil { // a child that is started now may have the file, too
		err = flock(file, unix.LOCK_UN)
	}
	return err == nil, err
}
