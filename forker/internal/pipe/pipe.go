// Package pipe reads what a child wrote without waiting for a grandchild that
// holds the other end.
package pipe

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// maxRest is how much is read of a pipe after Stop: as much as a pipe can hold
// by default, whatever a grandchild goes on writing.
const maxRest = 1 << 20

// Pipe is the reading end of a pipe from a child. A grandchild may hold the
// other end for ever, so that there is no end to wait for: after Stop, the end
// is where nothing is left in the pipe. What the child itself wrote before it
// ended is then all there.
type Pipe struct {
	// File is the reading end, to be closed by its owner.
	File *os.File

	rest    int // of maxRest
	stopped atomic.Bool
}

// ErrPaused says that Read has taken nothing, because of Pause.
var ErrPaused = errors.New("the pipe is paused")

// New returns a pipe and its writing end.
func New() (*Pipe, *os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return Of(read), write, nil
}

// Of returns the pipe whose reading end is file, which can have deadlines.
func Of(file *os.File) *Pipe { return &Pipe{File: file, rest: maxRest} }

// Read blocks for more, but after Stop and Pause.
func (p *Pipe) Read(to []byte) (int, error) {
	n, err := p.File.Read(to)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if !p.stopped.Load() {
		return 0, ErrPaused
	}
	raw, err := p.File.SyscallConn()
	if err != nil {
		return 0, err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		n, err = unix.Read(int(fd), to[:min(len(to), p.rest)])
	}); controlErr != nil {
		return 0, controlErr
	}
	if err != nil || n <= 0 { // nothing left
		return 0, io.EOF
	}
	p.rest -= n
	return n, nil
}

// Stop makes Read end where nothing is left in the pipe.
func (p *Pipe) Stop() {
	p.stopped.Store(true)
	_ = p.File.SetReadDeadline(time.Unix(1, 0))
}

// Pause makes Read return ErrPaused, and leave what is in the pipe there, until
// Resume. It is not for a pipe that was stopped.
func (p *Pipe) Pause() { _ = p.File.SetReadDeadline(time.Unix(1, 0)) }

// Resume undoes Pause.
func (p *Pipe) Resume() { _ = p.File.SetReadDeadline(time.Time{}) }
