//go:build darwin || freebsd

package process

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often Wait looks whether its context is done. The end of
// the process is reported at once.
const pollInterval = 20 * time.Millisecond

// Handle is another process, watched by a kqueue since it was found. It is safe
// for concurrent use.
type Handle struct {
	proc *os.Process
	kq   *os.File

	mu   sync.Mutex
	over bool // the kqueue reports an end only once
}

// Find returns a handle of process pid, to be closed by the caller.
// os.ErrProcessDone says that there is no such process.
func Find(pid int) (*Handle, error) {
	proc, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	return Watch(proc)
}

// Watch returns a handle of proc, which the caller goes on to own. The handle
// need not be closed.
func Watch(proc *os.Process) (*Handle, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	change := make([]unix.Kevent_t, 1)
	unix.SetKevent(&change[0], proc.Pid, unix.EVFILT_PROC, unix.EV_ADD)
	change[0].Fflags = unix.NOTE_EXIT
	if _, err := unix.Kevent(fd, change, nil, nil); err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.ESRCH) {
			return nil, os.ErrProcessDone
		}
		return nil, err
	}
	return &Handle{proc: proc, kq: os.NewFile(uintptr(fd), "kqueue")}, nil
}

// PID returns the process's number.
func (h *Handle) PID() int { return h.proc.Pid }

// Signal sends sig. os.ErrProcessDone says that the process has ended, be it
// reaped or not.
func (h *Handle) Signal(sig os.Signal) error {
	if h.endsWithin(0) {
		return os.ErrProcessDone
	}
	return h.proc.Signal(sig)
}

// Wait blocks until the process has ended, whether its parent has reaped it or
// not, or ctx is done, whose cause it then returns.
func (h *Handle) Wait(ctx context.Context) error {
	for !h.endsWithin(pollInterval) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// endsWithin waits up to d for the process's end.
func (h *Handle) endsWithin(d time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return true
	}
	limit := unix.NsecToTimespec(int64(d))
	events := make([]unix.Kevent_t, 1)
	n, err := unix.Kevent(int(h.kq.Fd()), nil, events, &limit)
	runtime.KeepAlive(h.kq)
	h.over = err == nil && n > 0
	return h.over
}

// Close lets go of the process.
func (h *Handle) Close() { h.kq.Close() }

// HasOpen cannot be told here.
func (*Handle) HasOpen(*os.File) (open, known bool) { return false, false }

// Ignores cannot be told here.
func (*Handle) Ignores(os.Signal) bool { return false }

// User cannot be told here.
func (*Handle) User() (id uint32, known bool) { return 0, false }
