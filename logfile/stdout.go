package logfile

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
)

const (
	// stdoutLimit bounds the lines that wait for standard output.
	stdoutLimit = 1 << 20

	// stdoutPatience is how long the first line that standard output does not
	// take keeps its caller waiting. Until it is taken, the others just queue.
	stdoutPatience = 100 * time.Millisecond

	// closePatience is how long Close waits for what is queued.
	closePatience = time.Second
)

// stdout is standard output, which may be a pipe that nobody reads, or a
// terminal that was stopped; or a handler that does not return. The lines are
// written one after the other by a goroutine that lives while there are any:
//
//  1. A caller queues its line and waits until it is written, so that a Writer
//     that does not block has each line before Print returns.
//  2. When that takes too long, standard output is stuck: nobody waits for it
//     until the queue is empty again.
//  3. From the first line that does not fit into the queue on, lines are dropped
//     until it is empty. Then it is said how many.
type stdout struct {
	w     io.Writer
	clock clockwork.Clock

	mu      sync.Mutex // held for instants only
	lines   formatter
	queue   []queuedLine  // the first one is being written
	size    int           // bytes in the queue
	idle    chan struct{} // closed when the queue is empty; nil while it is
	stuck   bool          // the queue has kept a caller waiting for too long
	dropped int           // lines
	err     error         // the first one of w
}

type queuedLine struct {
	size    int
	write   func() error
	written chan struct{} // closed when it is
}

// push queues a copy of finished lines. What it returns is for await.
func (s *stdout) push(line []byte, wall time.Time) (written <-chan struct{}) {
	if s.w == io.Discard {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines.setTime(wall)
	if s.dropped > 0 || s.full(len(line)) {
		s.dropped += bytes.Count(line, []byte("\n"))
		return nil
	}
	return s.start(s.add(bytes.Clone(line)))
}

// deliver queues what a handler is to take, which counts as so many bytes. It
// reports false, and queues nothing, where there is no room.
func (s *stdout) deliver(size int, write func() error) (written <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full(size) {
		return nil, false
	}
	return s.start(s.put(size, write)), true
}

// full reports whether the queue has no room for so many bytes more. The mutex is held.
func (s *stdout) full(size int) bool { return s.size > 0 && s.size+size > stdoutLimit }

// start lets the queue be written, where that is not under way. It returns what is to
// be waited for: nothing while the queue is stuck. The mutex is held.
func (s *stdout) start(done <-chan struct{}) <-chan struct{} {
	if s.idle == nil {
		s.idle = make(chan struct{})
		go s.drain()
	}
	if s.stuck {
		return nil
	}
	return done
}

// add appends lines to the queue. The mutex is held.
func (s *stdout) add(text []byte) <-chan struct{} {
	return s.put(len(text), func() error {
		_, err := s.w.Write(text)
		return err
	})
}

func (s *stdout) put(size int, write func() error) <-chan struct{} {
	done := make(chan struct{})
	s.queue = append(s.queue, queuedLine{size, write, done})
	s.size += size
	return done
}

// drain writes the queue until it is empty.
func (s *stdout) drain() {
	for more := true; more; {
		s.mu.Lock()
		line := s.queue[0]
		s.mu.Unlock()
		more = s.one(line)
	}
}

// one writes one line, and reports whether there are more. A handler may end its
// goroutine: another one goes on.
func (s *stdout) one(line queuedLine) (more bool) {
	var err error
	returned := false
	defer func() {
		more = s.wrote(line, err)
		if more && !returned {
			go s.drain()
		}
	}()
	err = line.write()
	returned = true
	return
}

// wrote takes a line off the queue, and reports whether there are more.
func (s *stdout) wrote(line queuedLine, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(line.written)
	s.queue = s.queue[1:]
	s.size -= line.size
	if s.err == nil {
		s.err = err
	}
	if len(s.queue) > 0 {
		return true
	}
	if s.dropped > 0 {
		s.add(s.lines.append(nil, Warn, fmt.Sprintf("Warning: standard output was not read, %d lines were dropped.", s.dropped)))
		s.dropped = 0
		return true
	}
	close(s.idle)
	s.queue, s.idle, s.stuck = nil, nil, false
	return false
}

// await waits until a line is written, or standard output turns out to be stuck.
func (s *stdout) await(written <-chan struct{}) {
	if s.within(written, stdoutPatience) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = s.idle != nil
}

// flush waits until the queue is empty, and reports whether it is.
func (s *stdout) flush(limit time.Duration) bool {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	return idle == nil || s.within(idle, limit)
}

// within waits for done, but not longer than limit.
func (s *stdout) within(done <-chan struct{}, limit time.Duration) bool {
	timer := s.clock.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C():
		return false
	}
}

// failure returns the first error of standard output so far.
func (s *stdout) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *stdout) setJSON(json bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines.json = json
}
