package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/internal/safefile"
)

// File is the lock on the file of that path, by flock(2): the kernel frees it
// the moment its holder dies. A relative path means the working directory; see
// In. It has no TTL.
//
// The file is created when it is missing, 0644 or tighter, and stays when the
// lock is released. It says in JSON who holds the lock and which token was
// given out last. Nobody should delete it: until its holder finds out, by
// Renew, a second owner can come. Renew then takes the lock anew, or says that
// it is lost.
//
// In a folder that others may write to, a symbolic link or somebody else's
// file in its place is refused. Network file systems may not lock at all, or
// each machine for itself; use a local one.
type File string

var (
	_ Locker = File("")
	_ Rooted = File("")
	_ Lease  = (*fileLease)(nil)
)

const (
	// fileMode is for everybody to read and for the owner to write.
	fileMode = 0o644

	// takeAttempts is how often a file that was replaced under our hands is
	// opened again.
	takeAttempts = 100

	// A holder has the lock an instant before its details are written, so a
	// loser looks again, with pauses that grow from one to the other. What
	// another host has written cannot be judged: there the last pause is
	// shorter.
	firstPause       = time.Millisecond
	lastPause        = 32 * time.Millisecond
	lastPauseOffHost = 4 * time.Millisecond
)

// String is file: and the path.
func (f File) String() string {
	if f == "" {
		return "file:"
	}
	return "file:" + filepath.Clean(string(f))
}

// In resolves a relative path against dir.
func (f File) In(dir string) Locker {
	if f == "" || filepath.IsAbs(string(f)) {
		return f
	}
	return File(filepath.Join(dir, string(f)))
}

// Check tells whether the file could be opened or created. It creates nothing.
func (f File) Check() error {
	if err := safefile.Check(string(f), os.O_CREATE|os.O_RDWR); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// Acquire takes the lock. When it is held, it may take some milliseconds to
// find out by whom.
func (f File) Acquire(ctx context.Context, who Owner) (Lease, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("lock: take %s: %w", f, context.Cause(ctx))
	}
	file, err := f.take()
	switch {
	case errors.Is(err, ErrHeld):
		defer func() { _ = file.Close() }()
		return nil, &HeldError{Lock: f.String(), Holder: holderOf(ctx, file, who.Host)}
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	}
	last, _ := readDetails(file)
	l := &fileLease{path: string(f), file: file, who: who, token: nextToken(last.Token, who.Since)}
	l.sign()
	return l, nil
}

// take opens the file and locks it. When somebody else has locked it, the
// error is ErrHeld and the file is open, for its details to be read.
func (f File) take() (*os.File, error) {
	for range takeAttempts {
		file, err := safefile.Open(string(f), os.O_CREATE|os.O_RDWR, fileMode)
		if err != nil {
			return nil, err
		}
		err = flock(file, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return file, ErrHeld
		}
		if err == nil {
			var ours bool
			if ours, err = names(string(f), file); ours {
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

// holderOf reads who holds the lock on file. Right after a change of owners
// the file may still name nobody, or the owner of before, who may be dead.
func holderOf(ctx context.Context, file *os.File, host string) Owner {
	var last details
	for pause := firstPause; pause <= lastPause; pause *= 2 {
		if d, err := readDetails(file); err == nil {
			last = d
		}
		foreign := last.PID > 0 && last.Host != host
		if !foreign && alive(last.PID) || foreign && pause > lastPauseOffHost {
			break
		}
		if clockwork.Sleep(ctx, clockwork.Real(), pause) != nil {
			break
		}
	}
	if last.PID <= 0 {
		return Owner{}
	}
	return last.Owner
}

// alive reports whether there is a process of that number.
func alive(pid int) bool {
	return pid > 0 && !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// names reports whether path still names the open file.
func names(path string, file *os.File) (bool, error) {
	ours, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the open file %s: %w", path, err)
	}
	now, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the lock file: %w", err)
	}
	return os.SameFile(ours, now), nil
}

// flock is flock(2), with errors that say what to do. A lock that somebody
// else holds is EWOULDBLOCK.
func flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return flockError(file.Name(), err)
		}
	}
}

func flockError(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, unix.EWOULDBLOCK):
		return err
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("flock %s: this file system does not lock (%w): "+
			"put the lock file on a local one, for example under /run", path, err)
	}
	return fmt.Errorf("flock %s: %w: put the lock file on a local file system, for example under /run", path, err)
}
