package reexec

import (
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/safefile"
)

// crash is where the Go runtime prints what it has to say of a crash, beside
// standard error.
var crash struct {
	path atomic.Pointer[string] // nil or empty: nowhere else

	mu   sync.Mutex
	file *os.File // nil: nowhere else
}

// CrashTo lets what the Go runtime prints at a crash reach the file of that path, which
// is there already. With stderr, standard error becomes that file, so that log.Fatal
// and libraries in C are heard, too; that is for a process whose standard error is
// nobody's. The next program of an Exec has both from its first instant on. A later
// call replaces an earlier one, and an empty path ends what was set beside standard
// error. A watcher that cannot execute the program says so there, too.
func (*OS) CrashTo(path string, stderr bool) error {
	err := crashTo(path, stderr)
	if err == nil {
		crash.path.Store(&path)
		tellLog(path)
	}
	return wrap("crash output to "+path, err)
}

func crashTo(path string, stderr bool) error {
	crash.mu.Lock()
	defer crash.mu.Unlock()
	if path == "" {
		return setCrashOutput(nil)
	}
	f, err := safefile.Open(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if stderr {
		if err := unix.Dup2(int(f.Fd()), unix.Stderr); err != nil {
			_ = f.Close()
			return os.NewSyscallError("dup2", err)
		}
	}
	if isFile(unix.Stderr, f) { // else it would be there twice
		_ = f.Close()
		return setCrashOutput(nil)
	}
	return setCrashOutput(f)
}

// setCrashOutput replaces the file; nil is none. The mutex is held.
func setCrashOutput(f *os.File) error {
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		if f != nil {
			_ = f.Close()
		}
		return err
	}
	if crash.file != nil {
		_ = crash.file.Close()
	}
	crash.file = f
	return nil
}

// isFile reports whether descriptor fd is open on the file.
func isFile(fd int, f *os.File) bool {
	a, errA := passed(fd)
	b, errB := passed(int(f.Fd()))
	return errA == nil && errB == nil && a.Device == b.Device && a.Inode == b.Inode
}

// putCrash puts the file for crashes into s, and returns its descriptor; none
// where there is no file. What it returns must be called after the exec.
func (s *startInfo) putCrash() (fds []int, done func()) {
	crash.mu.Lock()
	if crash.file != nil {
		if f, err := passed(int(crash.file.Fd())); err == nil {
			s.Crash = &f
			fds = append(fds, f.FD)
		}
	}
	return fds, crash.mu.Unlock
}

// takeCrash sets the file for crashes as the program before has, while the package
// starts, so that a crash just after exec is caught.
func (s *startInfo) takeCrash() {
	if s.Crash == nil || !s.Crash.there() {
		return
	}
	unix.CloseOnExec(s.Crash.FD)
	crash.mu.Lock()
	defer crash.mu.Unlock()
	_ = setCrashOutput(os.NewFile(uintptr(s.Crash.FD), "crash output"))
}
