package pidfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// Files is what a daemon needs of PID files. It is safe for concurrent use.
type Files interface {
	// Check reports whether path could be locked, as far as can be told
	// without touching anything. Whether it is locked at the moment is no
	// matter.
	Check(path string) error

	// Lock writes this process's number to path: at once and whole, or not at
	// all. It is refused with a *LockedError while another living process, or
	// this one, has locked the file. A file that a dead process left is taken
	// over, even an empty one. A file that holds something else than a process's
	// number is refused, here and by Check.
	Lock(path string) (File, error)

	// Inherit takes over the lock that this process's former program passed
	// on; handoff is what its File.Handoff returned.
	Inherit(path, handoff string) (File, error)

	// Discard removes the file that process pid has left at its end, and reports
	// whether it was there. A file that is locked, or holds another number, is
	// left alone.
	Discard(path string, pid int) (bool, error)

	// Find returns the living process that has locked the PID file. The number
	// in the file proves nothing; only the lock does. A missing file, or a
	// number without a living lock behind it, matches ErrNotRunning; an empty
	// file, or garbage in it, is an error that says so.
	Find(path string) (Process, error)

	// Process returns the living process of that number, whatever it is;
	// os.ErrProcessDone says that there is none.
	Process(pid int) (Process, error)
}

// File is a PID file that this process has locked.
type File interface {
	// Restore writes the file again where somebody removed or changed it, and
	// reports whether it had to. A file that somebody put in its place is left
	// alone and is an error, and so is a Restore after Remove.
	Restore() (bool, error)

	// Handoff prepares the lock for the next program of this process, which
	// hands the string to Inherit. The file must stay open across the exec; it
	// is nil where there is none.
	Handoff() (string, *os.File, error)

	// Remove deletes the file, if it is still ours, and gives up the lock. A
	// second Remove does nothing.
	Remove() error

	// Former returns the number of the dead process whose file Lock has taken
	// over; 0 where there was none.
	Former() int
}

// Process is another process, which keeps its identity: a later process under
// the same number is never mistaken for it. It is safe for concurrent use.
type Process interface {
	// PID returns its number.
	PID() int

	// Signal sends sig. os.ErrProcessDone says that the process has ended.
	Signal(sig os.Signal) error

	// Ignores reports whether the process ignores sig at present, as nohup(1) has
	// its program ignore SIGHUP. It is false where that cannot be told, which is
	// everywhere but on Linux. A daemon that restarts ignores some signals for an
	// instant.
	Ignores(sig os.Signal) bool

	// Wait blocks until the process has ended, or ctx is done, whose cause it
	// then returns.
	Wait(ctx context.Context) error
}

// Replies carries a daemon's reply to the process that has signalled it, which
// a signal alone cannot. It is safe for concurrent use.
type Replies interface {
	// Listen prepares for replies of the process daemon, which has locked pidFile.
	// Call it before the signal is sent. Any number of processes may listen.
	Listen(pidFile string, daemon int) (Reply, error)

	// Give replies to all processes that listen beside pidFile. Where none
	// does, or the reply cannot be delivered at once, it does nothing. A text
	// of more than 32 KiB is cut.
	Give(pidFile, text string)
}

// Reply is a reply that is waited for.
type Reply interface {
	// Wait blocks until a further reply has come, or ctx is done, whose cause the
	// error then wraps.
	Wait(ctx context.Context) (string, error)

	// Close ends the listening and leaves nothing behind.
	Close() error
}

// ErrNotRunning says that no living process has locked a PID file.
var ErrNotRunning = errors.New("no daemon is running")

// DeadError says that the process that has written a PID file has died. It matches
// ErrNotRunning.
type DeadError struct {
	// PID is the number in the file.
	PID int
}

// Error says that the number proves nothing.
func (e *DeadError) Error() string {
	return fmt.Sprintf("it names process %d, but the daemon that wrote it is gone "+
		"(the number may belong to another process now); nothing was signalled: %v", e.PID, ErrNotRunning)
}

// Unwrap returns ErrNotRunning.
func (*DeadError) Unwrap() error { return ErrNotRunning }

// LockedError says which living process has locked a PID file.
type LockedError struct {
	// Path is the PID file; absolute.
	Path string

	// PID is the number in it; 0 if it could not be read.
	PID int
}

// Error names the file and the process, and says what to do.
func (e *LockedError) Error() string {
	owner := "a running process"
	if e.PID != 0 {
		owner = "the running process " + strconv.Itoa(e.PID)
	}
	return "PID file " + e.Path + " belongs to " + owner +
		"; stop that one first, or give this one a file of its own"
}
