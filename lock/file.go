package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/internal/safefile"
)

// FileLock is a lock on a file, by flock(2): the kernel frees it the moment its
// holder dies. File returns one. It has no TTL, and is safe for concurrent use.
//
// The file is created when it is missing, 0644 or tighter, and stays when the
// lock is released. It says in JSON who holds the lock and which token was
// given out last. Nobody should delete it: until its holder finds out, by
// Renew, a second owner can come. Renew then takes the lock again, or says that
// it is lost.
//
// A file that holds something else than a lock's details is somebody's: it is
// refused, and keeps its text.
//
// In a folder that others may write to, a symbolic link or somebody else's
// file in its place is refused. Network file systems may not lock at all, or
// each machine for itself; use a local one.
type FileLock struct {
	path  string
	clock clockwork.Clock
	among Processes // nil: those of the kernel
}

var (
	_ Locker = FileLock{}
	_ Binder = FileLock{}
	_ Looker = FileLock{}
	_ Waiter = FileLock{}
	_ Lease  = (*fileLease)(nil)
)

// File returns the lock on the file of that path. A relative path is resolved
// against the working directory, and the clock is the real one, until Bind gives
// others.
func File(path string) FileLock { return FileLock{path: path, clock: clockwork.Real()} }

const (
	// fileMode lets everybody read who holds the lock, and the owner write.
	fileMode = 0o644

	// takeAttempts is how often a file that was replaced while it was being
	// locked is opened again.
	takeAttempts = 100
)

// String returns file: and the path.
func (f FileLock) String() string {
	if f.path == "" {
		return "file:"
	}
	return "file:" + filepath.Clean(f.path)
}

// Bind returns the same lock with a relative path resolved against dir, and with
// the clock by which Acquire waits for a holder's details. A nil clock is the
// real one.
func (f FileLock) Bind(dir string, clock clockwork.Clock) Locker {
	if f.path != "" && !filepath.IsAbs(f.path) {
		f.path = filepath.Join(dir, f.path)
	}
	if clock == nil {
		clock = clockwork.Real()
	}
	f.clock = clock
	return f
}

// Among returns the same lock for processes that are simulated.
func (f FileLock) Among(p Processes) FileLock {
	f.among = p
	return f
}

// Check returns an error that says why the file could not be opened or created, or
// that it is no lock file.
// It creates nothing.
func (f FileLock) Check() error {
	if err := safefile.Check(f.path, os.O_CREATE|os.O_RDWR); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := checkContentAt(f.path); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// Acquire takes the lock. When it is held, it may wait some milliseconds, but at
// most 63, to find out by whom.
func (f FileLock) Acquire(ctx context.Context, who Owner) (Lease, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("lock: take %s: %w", f, context.Cause(ctx))
	}
	file, err := f.take()
	if errors.Is(err, ErrHeld) {
		holder, named := f.holderOf(ctx, file, who.Host)
		_ = file.Close()
		held := &HeldError{Lock: f.String(), Holder: holder}
		if named {
			return nil, held
		}
		// Perhaps somebody waits for it, and has it only to see that it is free.
		if file, err = f.take(); errors.Is(err, ErrHeld) {
			_ = file.Close()
			return nil, held
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	last, _ := readDetails(file)
	l := &fileLease{lock: f, file: file, who: who, token: nextToken(last.Token, who.Since)}
	l.sign()
	return l, nil
}

// take opens the file and locks it. When somebody else has locked it, the
// error is ErrHeld and the file is open, for its details to be read.
func (f FileLock) take() (*os.File, error) {
	for range takeAttempts {
		file, err := safefile.Open(f.path, os.O_CREATE|os.O_RDWR, fileMode)
		if err != nil {
			return nil, err
		}
		err = flock(file, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return file, ErrHeld
		}
		var open os.FileInfo
		if err == nil {
			open, err = file.Stat()
		}
		if err == nil {
			var ours bool
			if ours, _, err = names(f.path, open); ours {
				err = checkContent(file)
			}
			if ours && err == nil {
				return file, nil
			}
		}
		_ = file.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("take %s: the file is replaced again and again: keep other programs from deleting it", f)
}

// names reports whether path still names the open file, and returns what it
// names; nil for nothing.
func names(path string, open os.FileInfo) (ours bool, now os.FileInfo, err error) {
	now, err = os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, fmt.Errorf("look at the lock file: %w", err)
	}
	return os.SameFile(open, now), now, nil
}
