package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fileLease is a File that is held.
type fileLease struct {
	path  string
	who   Owner
	token uint64

	mu   sync.Mutex // held over system calls that do not wait
	file *os.File   // nil after Release
	lost bool       // for good: whoever had it in between may have written
}

func (l *fileLease) Token() uint64      { return l.token }
func (l *fileLease) TTL() time.Duration { return 0 }

// sign writes the owner's details. A full disk does not make the lock less
// held: they are for people.
func (l *fileLease) sign() { _ = details{l.who, l.token}.write(l.file) }

// Renew makes sure that the path still names the file that is locked, and
// writes the details anew, so that what cleans up old files leaves it alone.
func (l *fileLease) Renew(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("lock: renew %s: %w", File(l.path), context.Cause(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.renew(); err != nil {
		return fmt.Errorf("lock: renew %s: %w", File(l.path), err)
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
	ours, err := names(l.path, l.file)
	if err != nil {
		return err
	}
	if !ours {
		if err := l.heal(); err != nil {
			return err
		}
	}
	l.sign()
	return nil
}

// heal takes the lock at the path anew, after the file was deleted or
// replaced. A greater token in the new file tells of an owner in between.
func (l *fileLease) heal() error {
	file, err := File(l.path).take()
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
	l.file = file
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
		return fmt.Errorf("lock: release %s: %w", File(l.path), err)
	}
	return nil
}

// Handover passes the lock on by its descriptor.
func (l *fileLease) Handover() (Baton, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil || l.lost {
		return Baton{}, fmt.Errorf("lock: hand over %s: %w", File(l.path), ErrLost)
	}
	b, err := batonOf(l.file, l.token)
	if err != nil {
		return Baton{}, fmt.Errorf("lock: hand over %s: %w", File(l.path), err)
	}
	return Baton{Value: b.String(), File: l.file}, nil
}

// Adopt takes up the lock that the previous image has passed on. The owner
// since when it is held stays the one of before.
func (f File) Adopt(_ context.Context, who Owner, baton string) (Lease, error) {
	b, err := parseBaton(baton)
	if err != nil {
		return nil, fmt.Errorf("lock: adopt %s: %w", f, err)
	}
	file, err := b.open(string(f))
	if err != nil {
		return nil, fmt.Errorf("lock: adopt %s: %w", f, err)
	}
	l := &fileLease{path: string(f), file: file, who: who, token: b.token}
	if d, err := readDetails(file); err == nil && d.Token == b.token && !d.Since.IsZero() {
		l.who.Since = d.Since
	}
	// It is a no-op where the lock is still ours, as it must be.
	if err := flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock: adopt %s: %w: its descriptor is not locked: %w", f, ErrLost, err)
	}
	if err := l.renew(); err != nil {
		_ = l.file.Close()
		return nil, fmt.Errorf("lock: adopt %s: %w", f, err)
	}
	return l, nil
}

// fileBaton is a locked descriptor, and what makes sure that it is the right
// one. It has the token, too, because a full disk may have kept it out of the
// file.
type fileBaton struct {
	fd            int
	device, inode uint64
	token         uint64
}

const batonFormat = "fd:%d,device:%d,inode:%d,token:%d"

func (b fileBaton) String() string {
	return fmt.Sprintf(batonFormat, b.fd, b.device, b.inode, b.token)
}

func batonOf(file *os.File, token uint64) (fileBaton, error) {
	b := fileBaton{fd: int(file.Fd()), token: token}
	var err error
	b.device, b.inode, err = identity(b.fd)
	return b, err
}

func parseBaton(s string) (fileBaton, error) {
	var b fileBaton
	_, err := fmt.Sscanf(s, batonFormat, &b.fd, &b.device, &b.inode, &b.token)
	if err != nil || b.String() != s || b.fd < 0 {
		return b, fmt.Errorf("%q is no baton of a lock file", s)
	}
	return b, nil
}

// open makes a file of the descriptor. One that is not the baton's is left
// alone: it belongs to somebody else.
func (b fileBaton) open(path string) (*os.File, error) {
	device, inode, err := identity(b.fd)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d was not passed on: %w", b.fd, err)
	}
	if device != b.device || inode != b.inode {
		return nil, fmt.Errorf("descriptor %d is another file than the one that was passed on", b.fd)
	}
	unix.CloseOnExec(b.fd)
	return os.NewFile(uintptr(b.fd), path), nil
}

func identity(fd int) (device, inode uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Dev), uint64(st.Ino), nil
}
