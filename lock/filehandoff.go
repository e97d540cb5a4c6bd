package lock

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Handoff passes the lock on by its descriptor.
func (l *fileLease) Handoff() (Handoff, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil || l.lost {
		return Handoff{}, fmt.Errorf("lock: hand over %s: %w", l.lock, ErrLost)
	}
	h, err := handoffOf(l.file, l.token)
	if err != nil {
		return Handoff{}, fmt.Errorf("lock: hand over %s: %w", l.lock, err)
	}
	return Handoff{Value: h.String(), File: l.file}, nil
}

// Inherit takes over the lock that the previous program has passed on. The time
// since when it is held stays as it is.
func (f FileLock) Inherit(_ context.Context, who Owner, handoff string) (Lease, error) {
	h, err := parseHandoff(handoff)
	if err != nil {
		return nil, fmt.Errorf("lock: inherit %s: %w", f, err)
	}
	file, err := h.open(f.path)
	if err != nil {
		return nil, fmt.Errorf("lock: inherit %s: %w", f, err)
	}
	l := &fileLease{lock: f, file: file, who: who, token: h.token}
	if d, err := readDetails(file); err == nil && d.Token == h.token && !d.Since.IsZero() {
		l.who.Since = d.Since
	}
	// It is a no-op where the lock is still ours, as it must be.
	if err := flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock: inherit %s: %w: its descriptor is not locked: %w", f, ErrLost, err)
	}
	if err := l.renew(); err != nil {
		_ = l.file.Close()
		return nil, fmt.Errorf("lock: inherit %s: %w", f, err)
	}
	return l, nil
}

// fileHandoff is a locked descriptor, and what makes sure that it is the right
// one. It has the token, too, because a full disk may have kept it out of the
// file.
type fileHandoff struct {
	fd            int
	device, inode uint64
	token         uint64
}

const handoffFormat = "fd:%d,device:%d,inode:%d,token:%d"

func (h fileHandoff) String() string {
	return fmt.Sprintf(handoffFormat, h.fd, h.device, h.inode, h.token)
}

func handoffOf(file *os.File, token uint64) (fileHandoff, error) {
	h := fileHandoff{fd: int(file.Fd()), token: token}
	var err error
	h.device, h.inode, err = identity(h.fd)
	return h, err
}

func parseHandoff(s string) (fileHandoff, error) {
	var h fileHandoff
	_, err := fmt.Sscanf(s, handoffFormat, &h.fd, &h.device, &h.inode, &h.token)
	if err != nil || h.String() != s || h.fd < 0 {
		return h, fmt.Errorf("%q is no handoff of a lock file", s)
	}
	return h, nil
}

// open makes a file of the descriptor. One that is not the handoff's is left
// alone: it belongs to other code of this process.
func (h fileHandoff) open(path string) (*os.File, error) {
	device, inode, err := identity(h.fd)
	if err != nil {
		return nil, fmt.Errorf("descriptor %d was not passed on: %w", h.fd, err)
	}
	if device != h.device || inode != h.inode {
		return nil, fmt.Errorf("descriptor %d is another file than the one that was passed on", h.fd)
	}
	unix.CloseOnExec(h.fd)
	return os.NewFile(uintptr(h.fd), path), nil
}

func identity(fd int) (device, inode uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Dev), uint64(st.Ino), nil
}
