package world

import (
	"os"
	"sync"
	"syscall"
)

// Watcher is a process that watches another one, and does nothing until that dies. Then
// it becomes the process that follows.
type Watcher struct {
	pid     int
	respawn func(pid int, state []byte) // what follows a death
	ended   chan struct{}

	mu        sync.Mutex // held for instants only
	state     []byte
	suspended bool // the end of the process is a stop
	stopped   bool // by SIGSTOP
	asked     bool // to end, by SIGTERM, while it was stopped
	died      bool // the process has, while it was stopped
	over      bool
}

// PID returns its number.
func (w *Watcher) PID() int { return w.pid }

// Alive reports whether it watches.
func (w *Watcher) Alive() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.over
}

// Signal does what a signal does to it: it ignores those that are often sent to all
// processes of a name.
func (w *Watcher) Signal(sig syscall.Signal) error {
	w.mu.Lock()
	follows := false
	switch {
	case w.over:
		w.mu.Unlock()
		return os.ErrProcessDone
	case sig == syscall.SIGSTOP:
		w.stopped = true
	case sig == syscall.SIGTERM && w.stopped:
		w.asked = true
	case sig == syscall.SIGCONT && w.asked:
		w.end()
	case sig == syscall.SIGCONT:
		w.stopped = false
		follows = w.died
	case sig == syscall.SIGKILL, sig == syscall.SIGTERM:
		w.end()
	}
	w.mu.Unlock()
	if follows {
		w.follow()
	}
	return nil
}

// end ends it; the mutex is held.
func (w *Watcher) end() {
	if !w.over {
		w.over = true
		close(w.ended)
	}
}

// follow is what it does when the process has ended.
func (w *Watcher) follow() {
	w.mu.Lock()
	w.died = true
	follows := !w.over && !w.stopped
	if follows {
		w.end()
	}
	follows = follows && !w.suspended
	state := w.state
	w.mu.Unlock()
	if follows {
		w.respawn(w.pid, state)
	}
}
