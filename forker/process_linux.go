package forker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is another process, held by its pidfd: a handle that no later process
// under the same number can come into.
type process struct{ proc *os.Process }

var _ Process = (*process)(nil)

// findProcess takes hold of process pid. os.ErrProcessDone says that there is
// none.
func findProcess(pid int) (*process, error) {
	proc, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	p, err := watch(proc)
	if err == nil && p.ended() {
		err = os.ErrProcessDone
	}
	if err != nil {
		_ = proc.Release()
		return nil, err
	}
	return p, nil
}

// watch takes hold of proc, which the caller goes on to own.
func watch(proc *os.Process) (*process, error) {
	err := proc.WithHandle(func(uintptr) {})
	if errors.Is(err, os.ErrNoHandle) && errors.Is(proc.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return nil, os.ErrProcessDone
	}
	if errors.Is(err, os.ErrNoHandle) {
		return nil, fmt.Errorf("this kernel has no pidfd, which Evertick needs to tell processes apart "+
			"(Linux 5.4 or later, and a container that allows pidfd_open): %w", err)
	}
	return &process{proc: proc}, err
}

// PID is the process's number.
func (p *process) PID() int { return p.proc.Pid }

// Signal sends sig. os.ErrProcessDone says that the process has ended, be it
// reaped or not.
func (p *process) Signal(sig os.Signal) error {
	if p.ended() {
		return os.ErrProcessDone
	}
	err := p.proc.Signal(sig)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return wrap("signal process "+strconv.Itoa(p.proc.Pid), err)
}

// Wait blocks until the process has ended, whether its parent has reaped it or
// not, or ctx is done, whose cause it then returns.
func (p *process) Wait(ctx context.Context) error {
	err := p.wait(ctx)
	if err != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return wrap("wait for process "+strconv.Itoa(p.proc.Pid), err)
}

func (p *process) wait(ctx context.Context) error {
	end, err := p.handle()
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

// handle is a second pidfd of the process, which the Go runtime's poller
// watches: it becomes readable when the process has ended. It is no duplicate
// of the first one, which must stay a blocking one to be waited for.
func (p *process) handle() (*os.File, error) {
	fd, err := unix.PidfdOpen(p.proc.Pid, 0)
	if p.ended() { // else the number has been the process's own all the time
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

// ended tells whether the process has ended.
func (p *process) ended() bool {
	var yes bool
	err := p.proc.WithHandle(func(pidfd uintptr) { yes = readable(int(pidfd)) })
	return yes || errors.Is(err, os.ErrProcessDone)
}

// close lets go of the process, where it is not the caller's own.
func (p *process) close() { _ = p.proc.Release() }

// readable tells whether fd can be read at once. A pidfd can when its process
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

// holdsFile tells whether process pid has f open; known says whether that can
// be told: the process may be another user's.
func holdsFile(pid int, f *os.File) (holds, known bool) {
	want, err := f.Stat()
	if err != nil {
		return false, false
	}
	folder := filepath.Join("/proc", strconv.Itoa(pid), "fd")
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

// userOf is the effective user that process pid runs as.
func userOf(pid int) (user uint32, known bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			var realUser uint32
			_, err := fmt.Sscan(rest, &realUser, &user)
			return user, err == nil
		}
	}
	return 0, false
}

// trialAttr gives a tried child a process group of its own, and a death with
// the thread that started it.
func trialAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// anonymousFile is a file without a name, in memory.
func anonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("evertick", unix.MFD_CLOEXEC)
	if err != nil {
		return unlinkedFile()
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}

// moveNew renames from to to, unless to exists, which is fs.ErrExist.
func moveNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkNew(from, to)
	}
	return err
}

// resident reads the kernel's account of this process.
func resident() (now, peak uint64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, peakUsage() << 10
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			now = kilobytes(rest)
		}
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			peak = kilobytes(rest)
		}
	}
	return now, peak
}

// kilobytes reads "   1234 kB" as bytes.
func kilobytes(text string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// keepToOurselves marks every descriptor beyond the standard streams
// close-on-exec, those that Go did not open included. A kernel without
// close_range(2), before 5.11, leaves them as they are.
func keepToOurselves() {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}
