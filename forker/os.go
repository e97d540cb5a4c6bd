package forker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"

	"github.com/evertick/evertick/forker/internal/pipe"
)

// OS starts real children: this program once more, which takes over in [Main].
// The zero value is ready to use, and safe for concurrent use.
type OS struct {
	// Path is the program to start; empty means this process's own.
	Path string
}

var _ Adopter = OS{}

// reachedMain says that this process has called Main.
var reachedMain atomic.Bool

// Start starts a child.
func (o OS) Start(c Command) (Process, error) {
	if o.Path == "" {
		if !reachedMain.Load() {
			return nil, errNoMain
		}
		o.Path = program()
	}
	p := &osProcess{sending: make(chan struct{}, 1)}
	theirs, err := p.open()
	defer closeAll(theirs)
	if err == nil {
		err = p.start(o.Path, c, theirs)
	}
	if err != nil {
		closeAll(p.files())
		return nil, explain(o.Path, c.Dir, err)
	}
	p.serve(c, nil)
	return p, nil
}

// open makes the pipes, and returns the child's ends of them: standard output,
// standard error, input, messages.
func (p *osProcess) open() (theirs []*os.File, err error) {
	for _, ours := range []**pipe.Pipe{&p.stdout, &p.stderr} {
		reading, writing, err := pipe.New()
		if err != nil {
			return theirs, err
		}
		*ours, theirs = reading, append(theirs, writing)
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	p.input, theirs = writing, append(theirs, reading)
	messages, writing, err := pipe.New()
	if err != nil {
		return theirs, err
	}
	p.messages = messages
	return append(theirs, writing), nil
}

// start starts the process on the starter thread.
func (p *osProcess) start(path string, c Command, theirs []*os.File) error {
	inode, err := pipeInode(int(theirs[3].Fd()))
	if err != nil {
		return err
	}
	info := startInfo{
		Task: c.Task, Worker: c.Worker, Parent: os.Getpid(), Pipe: inode, Length: len(c.Input),
		MaxBytes: c.MaxBytes, Nice: c.Nice, Memory: c.Memory,
		Setup: c.Setup, Args: c.Args, Outlives: c.Outlives,
	}
	cmd := exec.Command(path, "task", c.Task)
	cmd.Args[0] = os.Args[0]
	if cmd.Env, err = info.environment(c.Environment); err != nil {
		return err
	}
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = theirs[0], theirs[1], theirs[2:]
	cmd.SysProcAttr = childAttr()
	starter.hold()
	starter.do(func() { err = cmd.Start() })
	if err != nil {
		starter.release()
		return err
	}
	p.process, p.onStarter = cmd.Process, true
	return nil
}

// explain says plainly why a child could not be started.
func explain(path, dir string, err error) error {
	if _, dirErr := os.Stat(dir); dirErr == nil {
		dir = ""
	}
	return StartError(path, dir, err)
}

// StartError returns how it is put that the program at path could not be
// started for a child: err is the operating system's, dir the working directory
// where that is what cannot be entered. It is for fake [Processes], so that they
// fail in the same words as OS.
func StartError(path, dir string, err error) error {
	var inner *os.PathError
	if !errors.As(err, &inner) {
		inner = &os.PathError{Op: "start", Path: path, Err: err}
	}
	switch {
	case dir != "":
		return fmt.Errorf("its working directory %s cannot be entered: %w", dir, inner.Err)
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("this user or container has too many processes "+
			"(ulimit -u, pids.max): raise that, or lower Group.Max: %w", inner.Err)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("its environment is too long; hand over what is long as the task's argument: %w", inner.Err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("too many files are open (ulimit -n); a child takes six: %w", inner.Err)
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("there is no program %s any more: %w", path, inner.Err)
	case errors.Is(err, errNoMain):
		return err
	}
	return fmt.Errorf("%s: %w", path, inner.Err)
}

func closeAll[C io.Closer](files []C) {
	for _, f := range files {
		f.Close()
	}
}
