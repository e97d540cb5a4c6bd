package reexec

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxRest is how much is read of a pipe after stop: as much as a pipe can hold
// by default, whatever a grandchild goes on writing.
const maxRest = 1 << 20

// pipe is the reading end of a pipe from a child. A grandchild may hold the
// other end for ever, so that there is no end to wait for: after stop, the end
// is where nothing is left in the pipe. What the child itself wrote before it
// ended is then all there.
type pipe struct {
	file *os.File
	rest int // of maxRest
}

// newPipe returns a pipe and its writing end.
func newPipe() (*pipe, *os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &pipe{read, maxRest}, write, nil
}

// Read blocks for more, but after stop.
func (p *pipe) Read(to []byte) (int, error) {
	n, err := p.file.Read(to)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	raw, err := p.file.SyscallConn()
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

// stop makes Read end where nothing is left in the pipe.
func (p *pipe) stop() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) }

// maxTail is how much of the end of a child's standard error is kept.
const maxTail = 64 << 10

// stderrTail keeps the end of what a child writes to its standard error.
type stderrTail struct {
	pipe *pipe
	done chan struct{} // closed when text is complete
	text []byte
	cut  bool
}

func collect(p *pipe) *stderrTail {
	t := &stderrTail{pipe: p, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		_, _ = io.Copy(t, p)
	}()
	return t
}

// Write keeps the last maxTail bytes.
func (t *stderrTail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// end reads what is left and returns the text.
func (t *stderrTail) end() string {
	t.pipe.stop()
	<-t.done
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.text), "\uFFFD"))
	if t.cut {
		return "… " + text
	}
	return text
}

// close ends the collecting.
func (t *stderrTail) close() {
	t.pipe.stop()
	<-t.done
	t.pipe.file.Close()
}

// withStderr appends what was read of standard error to message, on indented
// lines of its own.
func withStderr(message, text string) string {
	if text == "" {
		return message
	}
	return message + "\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
