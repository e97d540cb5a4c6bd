package world

import (
	"bytes"
	"sync"
)

// Stream is a standard stream of all processes of a machine, captured. It is
// safe for concurrent use.
type Stream struct {
	mu   sync.Mutex // held for instants only
	text bytes.Buffer
}

// String returns what was written so far.
func (s *Stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// stream is a standard stream as a generation writes to it.
type stream struct {
	g  *Generation
	to *Stream
}

func (s stream) Write(b []byte) (int, error) {
	if s.g.alive() {
		s.to.mu.Lock()
		defer s.to.mu.Unlock()
		s.to.text.Write(b)
	}
	return len(b), nil
}
