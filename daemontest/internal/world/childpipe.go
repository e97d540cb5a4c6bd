package world

import (
	"context"
	"sync"
)

const (
	// pipeSize is how many bytes a pipe holds before its writer waits: see pipe(7).
	pipeSize = 64 << 10

	// pipeRead is how many bytes its reader takes at once.
	pipeRead = 32 << 10
)

// childPipe is the way from a child to its daemon: its standard streams and
// what it says in private, in one order. It is safe for concurrent use.
type childPipe struct {
	mu      sync.Mutex // held for instants only
	waiting []func()   // what the daemon's side does with what was written
	pending int        // how much of that has not been done yet
	bytes   int
	closed  bool
	changed chan struct{} // closed at the next change

	paused         bool
	taking         bool   // the daemon's side is about to do the next thing, or does it
	resumed        bool   // it is to wait for a lane first
	sleepUntilLane func() // does so
}

func newChildPipe(sleepUntilLane func()) *childPipe {
	return &childPipe{changed: make(chan struct{}), sleepUntilLane: sleepUntilLane}
}

// change wakes all who wait; the mutex is held.
func (p *childPipe) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// write puts in what has so many bytes, and returns a channel that is closed
// when it was taken; nil where something else is to be taken before. Where the
// pipe is full it returns what to wait for, before the next attempt.
func (p *childPipe) write(bytes int, take func()) (taken, full <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes >= pipeSize {
		return nil, p.changed
	}
	done := make(chan struct{})
	if p.pending == 0 {
		taken = done
	}
	p.pending++
	p.bytes += bytes
	p.waiting = append(p.waiting, func() {
		take()
		p.mu.Lock()
		p.pending--
		p.bytes -= bytes
		p.change()
		p.mu.Unlock()
		close(done)
	})
	p.change()
	return taken, nil
}

// next returns what is to be done next; where that is nothing it returns what
// to wait for, or neither when the end has come.
func (p *childPipe) next() (take func(), empty <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.paused:
		return nil, p.changed
	case p.resumed:
		p.resumed, p.taking = false, true
		return p.sleepUntilLane, nil
	case len(p.waiting) > 0:
		take, p.waiting = p.waiting[0], p.waiting[1:]
		p.taking = true
		return take, nil
	case p.closed:
		return nil, nil
	}
	return nil, p.changed
}

// close ends the pipe: its writer is no more.
func (p *childPipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.change()
}

// pump hands on what comes through the pipe, as the daemon's own goroutines do,
// until its end, or the generation's, of which it returns false; not while the
// daemon is stopped.
func (p *childPipe) pump(g *Generation) bool {
	for {
		take, empty := p.next()
		switch {
		case take != nil:
			if !g.awake() {
				return false
			}
			take()
			p.taken()
		case empty == nil:
			return true
		default:
			select {
			case <-empty:
			case <-g.gone:
				return false
			}
		}
	}
}

// taken notes that what next returned is done.
func (p *childPipe) taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taking = false
	p.change()
}

// pause lets next return nothing, and waits until what it has returned is done,
// or ctx is done.
func (p *childPipe) pause(ctx context.Context) error {
	p.mu.Lock()
	p.paused = true
	for p.taking {
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			p.resume()
			return context.Cause(ctx)
		}
		p.mu.Lock()
	}
	p.mu.Unlock()
	return nil
}

// resume undoes pause.
func (p *childPipe) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused, p.resumed = false, true
	p.change()
}
