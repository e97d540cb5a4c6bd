package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func (m Machine) find(path string) (*holder, error) {
	f, err := openToRead(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is none: %w", ErrNotRunning)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pid, err := readPID(f)
	if err != nil {
		return nil, err
	}
	// The handle first, the proof afterwards: the process that holds the lock
	// then is the one that the handle stands for.
	p, err := m.Find(pid)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return nil, &DeadError{pid}
	}
	if err != nil {
		return nil, temporary{fmt.Errorf("it names process %d, which does not exist here, though the file is "+
			"in use; is its daemon in another container?", pid)}
	}
	if again, err := readPID(f); err != nil || again != pid || !isAt(f, path) {
		p.Close()
		return nil, temporary{errChanging}
	}
	if open, known := p.HasOpen(f); known && !open || !mayName(f, p) {
		p.Close()
		return nil, temporary{fmt.Errorf("it names process %d, which is not the daemon that has locked it; "+
			"nothing was signalled", pid)}
	}
	return &holder{p}, nil
}

// mayName reports whether the owner of f may name process p in it: root and we
// ourselves are trusted; anybody else can lock for processes of his own only.
func mayName(f *os.File, p Handle) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner == 0 || int(owner) == os.Geteuid() {
		return true
	}
	user, known := p.User()
	return !known || user == owner
}

// openToRead opens a PID file of any user: root stops everybody's daemons.
func openToRead(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.EMLINK): // as FreeBSD has it
		return nil, fmt.Errorf("it is a symbolic link; name the file that it leads to: %w", syscall.ELOOP)
	case err != nil:
		return nil, plain(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file; name another one")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// holder is the process that holds a PID file's lock.
type holder struct{ handle Handle }

var _ Process = (*holder)(nil)

// PID returns the process's number.
func (h *holder) PID() int { return h.handle.PID() }

// Signal sends sig. os.ErrProcessDone says that the process has ended, be it
// reaped or not.
func (h *holder) Signal(sig os.Signal) error {
	err := h.handle.Signal(sig)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return fmt.Errorf("PID file: signal process %d: %w", h.PID(), err)
}

// Ignores reports whether the process ignores sig at present.
func (h *holder) Ignores(sig os.Signal) bool { return h.handle.Ignores(sig) }

// Wait blocks until the process has ended, whether its parent has reaped it or
// not, or ctx is done, whose cause it then returns.
func (h *holder) Wait(ctx context.Context) error {
	err := h.handle.Wait(ctx)
	if err == nil || errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return fmt.Errorf("PID file: wait for process %d: %w", h.PID(), err)
}
