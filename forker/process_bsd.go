//go:build darwin || freebsd

package forker

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lookUp is how often Wait looks whether its context is done. The end of the
// process is told at once.
const lookUp = 20 * time.Millisecond

// process is another process, watched by a kqueue since it was found. Its end
// is noticed before a signal is sent, so that its number cannot have become
// another's, but for the instant between looking and sending.
type process struct {
	pid  int
	proc *os.Process
	kq   *os.File

	mu   sync.Mutex
	over bool // the kqueue tells an end only once
}

var _ Process = (*process)(nil)

// findProcess takes hold of process pid. os.ErrProcessDone says that there is
// none.
func findProcess(pid int) (*process, error) {
	proc, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	return watch(proc)
}

// watch takes hold of proc, which the caller goes on to own.
func watch(proc *os.Process) (*process, error) {
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
	return &process{pid: proc.Pid, proc: proc, kq: os.NewFile(uintptr(fd), "kqueue")}, nil
}

// PID is the process's number.
func (p *process) PID() int { return p.pid }

// Signal sends sig. os.ErrProcessDone says that the process has ended, be it
// reaped or not.
func (p *process) Signal(sig os.Signal) error {
	if p.endsWithin(0) {
		return os.ErrProcessDone
	}
	err := p.proc.Signal(sig)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return wrap("signal process "+strconv.Itoa(p.pid), err)
}

// Wait blocks until the process has ended, whether its parent has reaped it or
// not, or ctx is done, whose cause it then returns.
func (p *process) Wait(ctx context.Context) error {
	for !p.endsWithin(lookUp) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// endsWithin waits up to d for the process's end.
func (p *process) endsWithin(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return true
	}
	limit := unix.NsecToTimespec(int64(d))
	events := make([]unix.Kevent_t, 1)
	n, err := unix.Kevent(int(p.kq.Fd()), nil, events, &limit)
	runtime.KeepAlive(p.kq)
	p.over = err == nil && n > 0
	return p.over
}

// close lets go of the process.
func (p *process) close() { p.kq.Close() }

// holdsFile cannot be told here.
func holdsFile(int, *os.File) (holds, known bool) { return false, false }

// userOf cannot be told here.
func userOf(int) (user uint32, known bool) { return 0, false }

// trialAttr gives a tried child a process group of its own.
func trialAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// anonymousFile is a file without a name.
func anonymousFile() (*os.File, error) { return unlinkedFile() }

// moveNew renames from to to, unless to exists, which is fs.ErrExist.
func moveNew(from, to string) error { return linkNew(from, to) }

// resident knows the peak only.
func resident() (now, peak uint64) {
	if runtime.GOOS == "darwin" {
		return 0, peakUsage() // counted in bytes there
	}
	return 0, peakUsage() << 10
}

// keepToOurselves does nothing here: what the launcher inherited beyond the
// standard streams stays open in the process that it launches.
func keepToOurselves() {}
