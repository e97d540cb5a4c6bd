package forker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/pipe"
	"github.com/evertick/evertick/forker/internal/process"
)

// osHandoff is what the next program is told of a real child, as JSON.
type osHandoff struct {
	PID      int        `json:"pid"`
	Start    string     `json:"start,omitempty"` // see process.Start
	Pipes    []passedFD `json:"pipes"`           // as files returns them
	Unsent   []byte     `json:"unsent,omitempty"`
	Messages []byte     `json:"messages,omitempty"`
}

// passedFD is a pipe that stays open across the exec, and which one it is.
type passedFD struct {
	FD    int    `json:"fd"`
	Inode uint64 `json:"inode"`
}

// awaitResume waits as long as the child is paused. After it no pause begins.
func (p *osProcess) awaitResume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.resumed != nil {
		resumed := p.resumed
		p.mu.Unlock()
		<-resumed
		p.mu.Lock()
	}
	p.ending = true
}

// Pause stops the goroutines at the pipes.
func (p *osProcess) Pause(ctx context.Context) error {
	p.mu.Lock()
	if p.ending {
		p.mu.Unlock()
		return os.ErrProcessDone
	}
	if p.resumed == nil {
		p.resumed = make(chan struct{})
	}
	p.mu.Unlock()
	p.gate.close()
	for _, reading := range []*pipe.Pipe{p.stdout, p.stderr, p.messages} {
		reading.Pause()
	}
	_ = p.input.SetWriteDeadline(time.Unix(1, 0))
	err := p.gate.awaitNone(ctx)
	if err != nil {
		p.Resume()
	}
	return err
}

// Resume lets them go on.
func (p *osProcess) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumed == nil {
		return
	}
	for _, reading := range []*pipe.Pipe{p.stdout, p.stderr, p.messages} {
		reading.Resume()
	}
	_ = p.input.SetWriteDeadline(time.Time{})
	p.gate.open()
	close(p.resumed)
	p.resumed = nil
}

// Handoff tells where the child and its pipes are, and what is on the way.
func (p *osProcess) Handoff() (Handoff, error) {
	h := osHandoff{PID: p.process.Pid, Unsent: p.unsent}
	h.Start, _ = process.Start(h.PID) // none where it has ended
	if p.unread != nil {
		h.Messages = append(h.Messages, p.unread.Bytes()...)
	}
	ahead, _ := p.ahead.Peek(p.ahead.Buffered())
	h.Messages = append(h.Messages, ahead...)
	before := make([]byte, p.before.Len())
	_, _ = p.before.ReadAt(before, p.before.Size()-int64(len(before)))
	h.Messages = append(h.Messages, before...)
	files := p.files()
	for _, f := range files {
		raw, err := f.SyscallConn() // and not Fd, which would make it block
		if err != nil {
			return Handoff{}, err
		}
		var passed passedFD
		var inodeErr error
		if err := raw.Control(func(fd uintptr) {
			passed.FD = int(fd)
			passed.Inode, inodeErr = pipeInode(passed.FD)
		}); err != nil {
			return Handoff{}, err
		}
		if inodeErr != nil {
			return Handoff{}, inodeErr
		}
		h.Pipes = append(h.Pipes, passed)
	}
	value, err := json.Marshal(h)
	return Handoff{Value: string(value), Files: files}, err
}

// Adopt takes over a child of the program before.
func (o OS) Adopt(handoff string, c Command) (Pausable, error) {
	var h osHandoff
	if err := json.Unmarshal([]byte(handoff), &h); err != nil || h.PID <= 0 || len(h.Pipes) != 4 {
		return nil, fmt.Errorf("%q is no handoff of a child", handoff)
	}
	if start, err := process.Start(h.PID); err == nil && start != h.Start {
		return nil, fmt.Errorf("PID %d is another process than the one that was handed over", h.PID)
	}
	proc, err := os.FindProcess(h.PID)
	if err != nil {
		return nil, err
	}
	p := &osProcess{process: proc, sending: make(chan struct{}, 1), resumed: make(chan struct{})}
	p.gate.close()
	files, err := h.open()
	if err != nil { // it cannot be heard
		_ = syscall.Kill(-h.PID, syscall.SIGKILL)
		go func() { _, _ = proc.Wait() }()
		return nil, err
	}
	p.stdout, p.stderr, p.messages, p.input = pipe.Of(files[0]), pipe.Of(files[1]), pipe.Of(files[2]), files[3]
	c.Input, c.Outlives = h.Unsent, true
	p.serve(c, h.Messages)
	return p, nil
}

// open returns the pipes.
func (h osHandoff) open() (files []*os.File, err error) {
	for _, passed := range h.Pipes {
		inode, err := pipeInode(passed.FD)
		if err == nil && inode != passed.Inode {
			err = errors.New("it is another one")
		}
		if err != nil {
			return nil, fmt.Errorf("descriptor %d is not the pipe of PID %d that was handed over: %w", passed.FD, h.PID, err)
		}
	}
	for _, passed := range h.Pipes {
		unix.CloseOnExec(passed.FD)
		_ = unix.SetNonblock(passed.FD, true)
		files = append(files, os.NewFile(uintptr(passed.FD), "pipe"))
	}
	return files, nil
}
