package pidfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evertick/evertick/clockwork"
)

// DiskFiles is the real [Files]. It is safe for concurrent use.
type DiskFiles struct{ on Machine }

var _ Files = DiskFiles{}

// Disk returns the machine's PID files. The clock is for the pauses before
// something is tried again; nil means the real one.
func Disk(clock clockwork.Clock) DiskFiles {
	if clock == nil {
		clock = clockwork.Real()
	}
	return On(Machine{Clock: clock, PID: os.Getpid(), Find: findProcess})
}

// On returns the PID files of a machine whose processes are not the kernel's.
func On(m Machine) DiskFiles { return DiskFiles{m} }

// Check reports whether path could be locked, as far as can be told without
// touching anything. Whether it is locked at the moment is no matter.
func (DiskFiles) Check(path string) error {
	return wrap("", path, checkPlace(path))
}

// Lock writes this process's number and a newline to path, with mode 0644 less
// the umask: at once and whole, or not at all. It is refused with a
// *LockedError while another living process, or this one, has locked the file.
// A file that a dead process left is taken over, even an empty one; a file that
// holds something else than a process's number is refused. A relative
// path is resolved against the working directory of this moment. It may block
// for half a second while another process is between two steps of its own.
func (d DiskFiles) Lock(path string) (File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, wrap("lock", path, err)
	}
	f, err := retry(d.on.Clock, func() (*lockedFile, error) { return d.on.tryLock(path) })
	var locked *LockedError
	switch {
	case errors.As(err, &locked):
		return nil, locked
	case err != nil:
		return nil, wrap("lock", path, err)
	}
	return f, nil
}

// Inherit takes over the lock that this process's former program passed on. It
// has been held all the time.
func (d DiskFiles) Inherit(path, handoff string) (File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, wrap("inherit", path, err)
	}
	f, err := d.on.inherit(path, handoff)
	if err != nil {
		return nil, wrap("inherit", path, err)
	}
	return f, nil
}

// Discard removes the file that process pid has left at its end, and reports
// whether it was there. A file that is locked, or holds another number, is left
// alone: a daemon that has started since then has it.
func (DiskFiles) Discard(path string, pid int) (bool, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return false, wrap("discard", path, err)
	}
	removed, err := discard(path, pid)
	return removed, wrap("discard", path, err)
}

// Find returns the living process that has locked the PID file. The number in
// it proves nothing: the process that wrote it may have died, and its number may
// be another's by now. Only the flock does, which dies with its holder. A
// missing file, or a number without a living lock behind it, matches
// ErrNotRunning. It may block for half a second while the file changes hands.
func (d DiskFiles) Find(path string) (Process, error) {
	p, err := retry(d.on.Clock, func() (*holder, error) { return d.on.find(path) })
	if err != nil {
		return nil, wrap("", path, err)
	}
	return p, nil
}

// Process returns the living process of that number. A later one of the same number is
// never mistaken for it.
func (d DiskFiles) Process(pid int) (Process, error) {
	p, err := d.on.Find(pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return &holder{p}, nil
}
