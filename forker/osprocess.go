package forker

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/evertick/evertick/forker/internal/pipe"
	"github.com/evertick/evertick/forker/internal/process"
)

// osProcess is a real child.
type osProcess struct {
	process                  *os.Process
	input                    *os.File
	stdout, stderr, messages *pipe.Pipe
	serving                  sync.WaitGroup // the goroutines at the pipes

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
	p.serving.Go(func() { _, _ = p.input.Write(c.Input) }) // a child that ends early reads no more
	p.serving.Go(func() { _, _ = io.Copy(c.Stdout, p.stdout) })
	p.serving.Go(func() { _, _ = io.Copy(c.Stderr, p.stderr) })
	p.serving.Go(func() {
		for {
			m, err := readMessage(p.messages, c.MaxBytes)
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
