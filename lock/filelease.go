package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// fileLease is a FileLock that is held.
type fileLease struct {
	lock  FileLock
	who   Owner
	token uint64

	mu     sync.Mutex    // held over system calls that do not wait
	file   *os.File      // nil after Release
	open   os.FileInfo   // which file that is; nil: not asked yet
	lost   bool          // for good: an owner in between may have written
	signed time.Duration // a Boot reading
	left   os.FileInfo   // the file as it was signed; nil: that failed
}

// signAgain is how long the details in the file stay as they are. What cleans
// up old files waits for days.
const signAgain = time.Hour

func (l *fileLease) Token() uint64      { return l.token }
func (l *fileLease) TTL() time.Duration { return 0 }

// sign writes the owner's details. A full disk does not make the lock less
// held: they are for people.
func (l *fileLease) sign() {
	l.signed, l.left = l.lock.clock.Boot(), nil
	if err := (details{l.who, l.token}).write(l.file); err == nil {
		l.left, _ = l.file.Stat()
	}
}

// signedWell reports whether the details are still there, and new enough.
func (l *fileLease) signedWell(now os.FileInfo) bool {
	return l.left != nil && l.left.Size() == now.Size() && l.left.ModTime().Equal(now.ModTime()) &&
		l.lock.clock.Boot()-l.signed < signAgain
}

// Renew makes sure that the path still names the file that is locked. It
// writes the details again where somebody has changed them, and once an hour,
// so that what cleans up old files leaves it alone.
func (l *fileLease) Renew(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("lock: renew %s: %w", l.lock, context.Cause(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.renew(); err != nil {
		return fmt.Errorf("lock: renew %s: %w", l.lock, err)
	}
	return nil
}

func (l *fileLease) renew() error {
	if l.file == nil {
		return fmt.Errorf("%w: it was released", ErrLost)
	}
	if l.lost {
		return ErrLost
	}
	if l.open == nil {
		open, err := l.file.Stat()
		if err != nil {
			return fmt.Errorf("look at the open file: %w", err)
		}
		l.open = open
	}
	ours, now, err := names(l.lock.path, l.open)
	if err != nil {
		return err
	}
	if !ours {
		if err := l.retake(); err != nil {
			return err
		}
	}
	if !ours || !l.signedWell(now) {
		l.sign()
	}
	return nil
}

// retake takes the lock at the path again, after the file was deleted or
// replaced. A greater token in the new file tells of an owner in between.
func (l *fileLease) retake() error {
	file, err := l.lock.take()
	if errors.Is(err, ErrHeld) {
		now, _ := readDetails(file)
		_ = file.Close()
		l.lost = true
		return fmt.Errorf("%w: its file was replaced, and PID %d on %q holds the new one", ErrLost, now.PID, now.Host)
	}
	if err != nil {
		return err
	}
	if now, _ := readDetails(file); now.Token > l.token && now.Token < maxToken {
		_ = file.Close()
		l.lost = true
		return fmt.Errorf("%w: its file was replaced, and somebody had the new one in the meantime", ErrLost)
	}
	_ = l.file.Close()
	l.file, l.open = file, nil
	return nil
}

// Release leaves the token in the file, and no owner.
func (l *fileLease) Release(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	_ = details{Token: l.token}.write(file)
	// A child that was started at this instant may have the file, too, so that
	// closing it is not enough.
	if err := errors.Join(flock(file, unix.LOCK_UN), file.Close()); err != nil {
		return fmt.Errorf("lock: release %s: %w", l.lock, err)
	}
	return nil
}
