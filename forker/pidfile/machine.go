package pidfile

import (
	"errors"
	"os"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/internal/process"
)

// Machine is the processes that PID files name. The real one has those of the
// kernel; a simulated one has others, and real files.
type Machine struct {
	// Clock is for the pauses before something is tried again.
	Clock clockwork.Clock

	// PID is the number of this process.
	PID int

	// Find returns a handle of a living process, to be closed by the caller.
	// os.ErrProcessDone says that there is none of that number.
	Find func(pid int) (Handle, error)
}

// Handle holds on to a process. It is safe for concurrent use.
type Handle interface {
	Process

	// HasOpen reports whether the process has that very file open, where that
	// is known.
	HasOpen(file *os.File) (open, known bool)

	// User returns the number of the user that the process runs as, where that
	// is known.
	User() (id uint32, known bool)

	// Close lets go of the process.
	Close()
}

func findProcess(pid int) (Handle, error) {
	h, err := process.Find(pid)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// has reports whether there is a process of that number. Where that cannot be
// told, there is.
func (m Machine) has(pid int) bool {
	h, err := m.Find(pid)
	if err == nil {
		h.Close()
	}
	return !errors.Is(err, os.ErrProcessDone)
}
