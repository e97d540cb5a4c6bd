package reexec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// reporter is the started process's side of Launch and Try.
type reporter struct {
	detached bool

	mu          sync.Mutex
	pipe        *os.File // nil where no process waits, or after the report
	brokenPipes chan os.Signal
}

// Report tells the process that waits in Launch or Try how the start went;
// where none waits, or none waits any more, it does nothing. A Detached process
// that reports Running loses its standard error with it, to the file of CrashTo, or
// else to /dev/null. Only the first Report counts. From a report that it is Running on, whether it is waited
// for or not, the process keeps some descriptors for Try and Exec, which work even
// where no other is free.
func (o *OS) Report(r Report) error {
	r.PID = o.self.info.PID
	if r.Running && o.self.info.Origin.Kind != Trial {
		o.self.spare.keep()
	}
	return wrap("report", o.self.reporter.report(r))
}

func (r *reporter) report(report Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pipe == nil {
		return nil
	}
	line, err := json.Marshal(report)
	if err != nil {
		return err
	}
	if r.detached && report.Running {
		// This comes before the report that lets the launcher go: what is
		// written to standard error in between must not meet a closed pipe.
		if err := releaseStderr(); err != nil {
			return fmt.Errorf("turn standard error away from the launcher: %w", err)
		}
	}
	_, err = r.pipe.Write(append(line, '\n'))
	r.pipe.Close()
	r.pipe = nil
	if r.brokenPipes != nil && report.Running {
		signal.Stop(r.brokenPipes)
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// releaseStderr turns standard error to the file of CrashTo, and without one to
// /dev/null.
func releaseStderr() error {
	crash.mu.Lock()
	defer crash.mu.Unlock()
	if crash.file == nil {
		return redirectToNull(unix.Stderr)
	}
	if err := unix.Dup2(int(crash.file.Fd()), unix.Stderr); err != nil {
		return fmt.Errorf("dup2: %w", err)
	}
	return setCrashOutput(nil) // else it would be there twice
}

// redirectToNull makes descriptor fd lead to /dev/null.
func redirectToNull(fd int) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := unix.Dup2(int(null.Fd()), fd); err != nil {
		return fmt.Errorf("dup2: %w", err)
	}
	return nil
}
