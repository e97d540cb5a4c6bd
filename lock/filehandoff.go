package lock

import (
	"context"
	"errors"
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
// since when it is held stays as it is. The descriptor that was passed on is
// closed when it has succeeded, and when the lease is lost. After any other
// error it keeps the lock, and Inherit may be called again with the same handoff.
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
	err = l.confirmInherited()
	if err == nil || errors.Is(err, ErrLost) {
		_ = unix.Close(h.fd)
	}
	if err != nil {
		_ = l.file.Close()
		return nil, fmt.Errorf("lock: inherit %s: %w", f, err)
	}
	return l, nil
}

// confirmInherited makes sure that the lock is held, under its own path.
func (l *fileLease) confirmInherited() error {
	if d, err := readDetails(l.file); err == nil && d.Token == l.token && !d.Since.IsZero() {
		l.who.Since = d.Since
	}
	// It is a no-op where the lock is still ours, as it must be.
	err := flock(l.file, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return fmt.Errorf("%w: its descriptor is not locked: %w", ErrLost, err)
	case err != nil:
		return err
	}
	return l.renew()
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

// open makes a file of a duplicate of the descriptor, which shares its lock. A
// descriptor that is not the handoff's is left alone: it belongs to other code
// of this process.
func (h fileHandoff) open(path string) (*os.File, error) {
	device, inode, err := identity(h.fd)
	if err != nil {
		return nil, fmt.Errorf("%w: descriptor %d was not passed on: %w", ErrLost, h.fd, err)
	}
	if device != h.device || inode != h.inode {
		return nil, fmt.Errorf("%w: descriptor %d is another file than the one that was passed on", ErrLost, h.fd)
	}
	unix.CloseOnExec(h.fd)
	fd, err := unix.FcntlInt(uintptr(h.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d: %w", h.fd, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func identity(fd int) (device, inode uint64, err error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Dev), uint64(st.Ino), nil
}
