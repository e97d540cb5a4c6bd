package forker

import (
	"bufio"
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

	sending  chan struct{} // holds a value while something is written to input
	cutShort error         // why a message was not sent as a whole

	mu     sync.Mutex // held while the group is signalled, and while its leader is reaped
	reaped bool
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

// serve moves what goes through the pipes.
func (p *osProcess) serve(c Command) {
	if raw, err := p.input.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { widen(int(fd), len(c.Input)) })
	}
	p.sending <- struct{}{}
	p.serving.Go(func() {
		_, _ = p.input.Write(c.Input) // a child that ends early reads no more
		<-p.sending
	})
	p.serving.Go(func() { _, _ = io.Copy(c.Stdout, p.stdout) })
	p.serving.Go(func() { _, _ = io.Copy(c.Stderr, p.stderr) })
	p.serving.Go(func() {
		messages := bufio.NewReader(p.messages)
		for {
			m, err := readMessage(messages, c.MaxBytes)
			if err != nil {
				break
			}
			c.Message(m)
		}
		_, _ = io.Copy(io.Discard, p.messages) // so that no child hangs in a write
	})
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
	starter.release()
	p.input.Close() // ends a write
	for _, reading := range []*pipe.Pipe{p.stdout, p.stderr, p.messages} {
		reading.Stop()
	}
	p.serving.Wait()
	closeAll(p.files())
	return exit
}

// reap kills the group when its leader has ended, and only then waits for that:
// until then the number cannot be another's.
func (p *osProcess) reap() Exit {
	err := p.awaitEnd()
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
