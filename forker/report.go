package forker

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

// herald is the started process's side of Launch and Try.
type herald struct {
	mu    sync.Mutex
	kind  Kind
	pipe  *os.File // nil where nobody waits, or when the report was given
	pipes chan os.Signal
}

func (h *herald) adopt(in inheritance) {
	h.kind, h.pipe, h.pipes = in.birth.Kind, in.report, in.pipes
}

// Report tells the process that waits for it in Launch or Try how the start
// went; where nobody waits, or nobody waits any more, it does nothing. A
// Detached process that reports Running loses its standard error to /dev/null
// with it. Only the first Report counts.
func (m *Machine) Report(r Report) error {
	h := &m.herald
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pipe == nil {
		return nil
	}
	r.PID = os.Getpid()
	line, err := json.Marshal(r)
	if err != nil {
		return wrap("report", err)
	}
	if h.kind == Detached && r.Running {
		// First this, then the word that lets the launcher go: what is written
		// to standard error in between must not meet a closed pipe.
		if err := silence(unix.Stderr); err != nil {
			return wrap("report: turn standard error to /dev/null", err)
		}
	}
	_, err = h.pipe.Write(append(line, '\n'))
	h.pipe.Close()
	h.pipe = nil
	if h.pipes != nil && r.Running {
		signal.Stop(h.pipes)
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return wrap("report", err)
}

// silence makes descriptor fd write to nowhere.
func silence(fd int) error {
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
