package world

import (
	"bytes"
	"os"
	"sync"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker/reexec"
)

// Stream is a standard stream of all processes of a machine, captured. That of
// a detached one is /dev/null. It is safe for concurrent use.
type Stream struct {
	mu    sync.Mutex // held for instants only
	text  bytes.Buffer
	fault error         // of a write
	freed chan struct{} // not nil while a write blocks
	met   Met
}

// SetFault lets writes fail with err, such as syscall.EPIPE; nil ends that.
func (s *Stream) SetFault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

// SetBlocked lets writes wait, as a pipe does that nobody reads, or go on.
func (s *Stream) SetBlocked(blocked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case blocked && s.freed == nil:
		s.freed = make(chan struct{})
	case !blocked && s.freed != nil:
		close(s.freed)
		s.freed = nil
	}
}

// state returns what a write meets.
func (s *Stream) state() (freed <-chan struct{}, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.met.note(s.freed != nil || s.fault != nil)
	return s.freed, s.fault
}

// Met returns how often what is wrong with the stream was met.
func (s *Stream) Met() int64 { return s.met.Load() }

// String returns what was written so far.
func (s *Stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// stream is a standard stream as a generation writes to it.
type stream struct {
	g    *Generation
	to   *Stream
	kind timeline.Kind // of its lines in the timeline
}

func (s stream) Write(b []byte) (int, error) {
	if !s.g.alive() || s.g.process.kind == reexec.Detached {
		return len(b), nil // without an effect
	}
	freed, fault := s.to.state()
	for fault == nil && freed != nil {
		select {
		case <-freed:
			s.g.arrive()
		case <-s.g.gone:
			return len(b), nil
		}
		freed, fault = s.to.state()
	}
	if fault != nil {
		return 0, &os.PathError{Op: "write", Path: "standard output", Err: fault}
	}
	s.g.process.record.Print(s.kind, b)
	s.to.write(s.g.files.Plain(string(b)))
	return len(b), nil
}

func (s *Stream) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.WriteString(text)
}
