package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Handle is another process, held by its pidfd. It is safe for concurrent use.
type Handle struct{ proc *os.Process }

// Find returns a handle of process pid, to be closed by the caller.
// os.ErrProcessDone says that there is no such process.
func Find(pid int) (*Handle, error) {
	proc, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	h, err := Watch(proc)
	if err == nil && h.ended() {
		err = os.ErrProcessDone
	}
	if err != nil {
		_ = proc.Release()
		return nil, err
	}
	return h, nil
}

// Watch returns a handle of proc, which the caller goes on to own. The handle
// need not be closed.
func Watch(proc *os.Process) (*Handle, error) {
	err := proc.WithHandle(func(uintptr) {})
	if errors.Is(err, os.ErrNoHandle) && errors.Is(proc.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return nil, os.ErrProcessDone
	}
	if errors.Is(err, os.ErrNoHandle) {
		return nil, fmt.Errorf("this kernel has no pidfd, which Evertick needs to tell processes apart "+
			"(Linux 5.4 or later, and a container that allows pidfd_open): %w", err)
	}
	return &Handle{proc: proc}, err
}

// PID returns the process's number.
func (h *Handle) PID() int { return h.proc.Pid }

// Signal sends sig. os.ErrProcessDone says that the process has ended, be it
// reaped or not.
func (h *Handle) Signal(sig os.Signal) error {
	if h.ended() {
		return os.ErrProcessDone
	}
	return h.proc.Signal(sig)
}

// Wait blocks until the process has ended, whether its parent has reaped it or
// not, or ctx is done, whose cause it then returns.
func (h *Handle) Wait(ctx context.Context) error {
	end, err := h.pollable()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer end.Close()
	stop := context.AfterFunc(ctx, func() { _ = end.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := end.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Read(func(fd uintptr) bool { return readable(int(fd)) })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}

// pollable returns a second pidfd of the process, which the Go runtime's poller
// watches: it becomes readable when the process has ended. It is no duplicate
// of the first one, which must stay a blocking one to be waited for.
func (h *Handle) pollable() (*os.File, error) {
	fd, err := unix.PidfdOpen(h.proc.Pid, 0)
	if h.ended() { // else the number has been the process's own all the time
		if err == nil {
			_ = unix.Close(fd)
		}
		return nil, os.ErrProcessDone
	}
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// ended reports whether the process has ended.
func (h *Handle) ended() bool {
	var yes bool
	err := h.proc.WithHandle(func(pidfd uintptr) { yes = readable(int(pidfd)) })
	return yes || errors.Is(err, os.ErrProcessDone)
}

// Close lets go of the process.
func (h *Handle) Close() { _ = h.proc.Release() }

// readable reports whether fd can be read at once. A pidfd can when its process
// has ended.
func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// HasOpen reports whether the process has f open; known says whether that can
// be told: the process may be another user's.
func (h *Handle) HasOpen(f *os.File) (open, known bool) {
	want, err := f.Stat()
	if err != nil {
		return false, false
	}
	folder := filepath.Join("/proc", strconv.Itoa(h.proc.Pid), "fd")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return false, false
	}
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(folder, entry.Name()))
		if err == nil && os.SameFile(info, want) {
			return true, true
		}
	}
	return false, true
}

// User returns the effective user that the process runs as; known says whether
// that can be told.
func (h *Handle) User() (id uint32, known bool) {
	var realID uint32
	_, err := fmt.Sscan(h.status("Uid:"), &realID, &id)
	return id, err == nil
}

// Ignores reports whether the process ignores sig now; not where that cannot be
// told.
func (h *Handle) Ignores(sig os.Signal) bool {
	number, ok := sig.(syscall.Signal)
	mask, err := strconv.ParseUint(strings.TrimSpace(h.status("SigIgn:")), 16, 64)
	return ok && number > 0 && err == nil && mask>>(number-1)&1 == 1
}

// status returns a line of the process's status in proc_pid_status(5), without its
// name; empty where it cannot be read, or the process has ended.
func (h *Handle) status(name string) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.proc.Pid), "status"))
	if err != nil || h.ended() { // then the number may be another one's
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return rest
		}
	}
	return ""
}
