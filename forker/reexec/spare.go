package reexec

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// spareDescriptors is how many descriptors a trial or an exec takes at most: pipes, the
// state, /dev/null and handles of processes.
const spareDescriptors = 20

// spare are descriptors that a daemon keeps from the day on which it is ready, so
// that one that has run out of descriptors can still restart, which is what cures
// it. Nothing else uses them.
type spare struct {
	mu   sync.Mutex
	kept bool
	lent int // how often
	fds  []int
}

// keep begins to hold the descriptors, as many as there are.
func (s *spare) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
	if r, w, err := os.Pipe(); err == nil { // the Go runtime's poller takes its descriptors now, or crashes later
		r.Close()
		w.Close()
	}
	s.fill()
}

func (s *spare) fill() {
	for s.kept && s.lent == 0 && len(s.fds) < spareDescriptors {
		fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		s.fds = append(s.fds, fd)
	}
}

// lend sets the descriptors free until giveBack is called.
func (s *spare) lend() (giveBack func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent++
	for _, fd := range s.fds {
		_ = unix.Close(fd)
	}
	s.fds = nil
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lent--
		s.fill()
	}
}
