package forker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/evertick/evertick/forker/internal/pipe"
	"github.com/evertick/evertick/forker/internal/process"
)

// osProcess is a real child.
type osProcess struct {
	process                  *os.Process
	input                    *os.File
	stdout, stderr, messages *pipe.Pipe
	serving                  sync.WaitGroup // the goroutines at the pipes
	onStarter                bool           // the starter thread is held for it

	gate gate // where those goroutines wait while it is paused

	// What is on its way; to be looked at while it is paused.
	unsent []byte        // of its argument
	unread *bytes.Buffer // the beginning of a message
	ahead  *bufio.Reader // holds what follows that
	before *bytes.Reader // what comes before all that is in the pipe

	sending  chan struct{} // holds a value while something is written to input
	cutShort error         // why a message was not sent as a whole

	mu      sync.Mutex // held while the group is signalled, and while its leader is reaped
	reaped  bool
	ending  bool          // it has ended, and is reaped next
	resumed chan struct{} // closed when it is resumed; nil where it is not paused
}

// files returns this process's ends of the pipes that are open.
func (p *osProcess) files() []*os.File {
	var files []*os.File
	for _, reading := range []*pipe.Pipe{p.stdout, p.stderr, p.messages} {
		if reading != nil {
			files = append(files, reading.File)
		}
	}
	if p.input != nil {
		files = append(files, p.input)
	}
	return files
}

// serve moves what goes through the pipes. before was read of what the child says
// when it had another daemon's program.
func (p *osProcess) serve(c Command, before []byte) {
	if raw, err := p.input.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { widen(int(fd), len(c.Input)) })
	}
	p.sending <- struct{}{}
	p.unsent = c.Input
	p.goServe(func() {
		p.give()
		<-p.sending
	})
	p.goServe(func() { _, _ = io.Copy(c.Stdout, gated{p.stdout, &p.gate}) })
	p.goServe(func() { _, _ = io.Copy(c.Stderr, gated{p.stderr, &p.gate}) })
	messages := gated{p.messages, &p.gate}
	p.before = bytes.NewReader(before)
	p.ahead = bufio.NewReader(io.MultiReader(p.before, messages))
	p.goServe(func() {
		p.receive(c)
		_, _ = io.Copy(io.Discard, messages) // so that no child hangs in a write
	})
}

// goServe runs f in a goroutine.
func (p *osProcess) goServe(f func()) {
	p.gate.enter()
	p.serving.Go(func() {
		defer p.gate.leave()
		p.gate.pass()
		f()
	})
}

// give writes the child's argument. A child that ends early reads no more.
func (p *osProcess) give() {
	for ; len(p.unsent) > 0; p.gate.pass() {
		n, err := p.input.Write(p.unsent)
		p.unsent = p.unsent[n:]
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // which is of a pause
			return
		}
	}
}

// receive hands on the messages. One that may have to be handed to the next
// program is kept until it is complete.
func (p *osProcess) receive(c Command) {
	var messages io.Reader = p.ahead
	if c.Outlives {
		p.unread = new(bytes.Buffer)
		messages = io.TeeReader(messages, p.unread)
	}
	for {
		m, err := readMessage(messages, c.MaxBytes)
		if err != nil {
			return
		}
		c.Message(m)
		if p.unread != nil {
			p.unread.Reset()
		}
	}
}

// gated is a pipe whose reader waits at the gate while it is paused.
type gated struct {
	pipe *pipe.Pipe
	gate *gate
}

func (g gated) Read(to []byte) (int, error) {
	for {
		n, err := g.pipe.Read(to)
		if !errors.Is(err, pipe.ErrPaused) {
			return n, err
		}
		g.gate.pass()
	}
}

// PID returns the child's number.
func (p *osProcess) PID() int { return p.process.Pid }

// Signal signals the child's group, whose number is the child's own as long as
// that was not reaped.
func (p *osProcess) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return syscall.Kill(-p.process.Pid, sig)
}

// Send writes m to the child's input.
func (p *osProcess) Send(ctx context.Context, m Message) error {
	select {
	case p.sending <- struct{}{}:
		defer func() { <-p.sending }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if p.cutShort != nil {
		return p.cutShort
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = p.input.SetWriteDeadline(time.Unix(1, 0))
		close(fired)
	})
	err := writeMessage(p.input, m)
	if !stop() {
		<-fired
		_ = p.input.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("the child has not taken the message: %w", context.Cause(ctx))
	case errors.Is(err, os.ErrClosed):
		err = os.ErrProcessDone
	default:
		err = fmt.Errorf("the child takes no messages any more: %w", err)
	}
	p.cutShort = err
	return err
}

// Wait waits for the end.
func (p *osProcess) Wait() Exit {
	exit := p.reap()
	if p.onStarter {
		starter.release()
	}
	p.input.Close() // ends a write
	for _, reading := range []*pipe.Pipe{p.stdout, p.stderr, p.messages} {
		reading.Stop()
	}
	p.serving.Wait()
	closeAll(p.files())
	return exit
}

// reap kills the group when its leader has ended, and only then waits for that:
// until then the number cannot be another's. It does not while the child is
// paused.
func (p *osProcess) reap() Exit {
	err := p.awaitEnd()
	p.awaitResume()
	if err != nil { // it cannot be watched, so its group is not killed
		return exitOf(p.process.Wait())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-p.process.Pid, syscall.SIGKILL)
	p.reaped = true
	return exitOf(p.process.Wait())
}

// awaitEnd blocks until the child has ended, without reaping it.
func (p *osProcess) awaitEnd() error {
	handle, err := process.Watch(p.process)
	if err == nil {
		err = handle.Wait(context.Background())
	}
	if err != nil { // no descriptor left, or no pidfd
		err = watchEnd(p.process.Pid)
	}
	return err
}

func exitOf(state *os.ProcessState, err error) Exit {
	if err != nil { // somebody else in this process has reaped it
		return Exit{Code: -1}
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return Exit{Code: -1, Signal: status.Signal()}
	}
	return Exit{Code: state.ExitCode()}
}
