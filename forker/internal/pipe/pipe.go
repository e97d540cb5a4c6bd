// Package pipe reads what a child wrote without waiting for a grandchild that
// holds the other end.
package pipe

import (
	"errors"
	"io"
	"os"
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

	rest int // of maxRest
}

// New returns a pipe and its writing end.
func New() (*Pipe, *os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &Pipe{read, maxRest}, write, nil
}

// Read blocks for more, but after Stop.
func (p *Pipe) Read(to []byte) (int, error) {
	n, err := p.File.Read(to)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
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
func (p *Pipe) Stop() { _ = p.File.SetReadDeadline(time.Unix(1, 0)) }
