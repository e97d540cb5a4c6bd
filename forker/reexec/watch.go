package reexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/process"
)

// Watching is a watcher of this process, as Self.Watch has started it. It is safe
// for concurrent use.
type Watching interface {
	// PID returns the watcher's number.
	PID() int

	// Tell replaces the State of the program that the watcher is to execute. It
	// does not block; an error says that the watcher is not to be relied on, and
	// it has been killed.
	Tell(state []byte) error

	// Suspend says that the end of this process is a stop from now on, until
	// Resume is called, or the next program of an Exec begins.
	Suspend()

	// Resume takes Suspend back.
	Resume()

	// Wait blocks until the watcher has ended, however that comes.
	Wait()
}

// errUnwatched says that Unwatch was called meanwhile.
var errUnwatched = errors.New("this process is not to be watched any more")

// watch is what this process knows of its watcher.
var watch struct {
	starting sync.Mutex // held while one is started, and while the next program is executed

	mu      sync.Mutex // held for instants only
	over    bool       // Unwatch was called
	present *watching  // nil: none
}

// watching is a watcher, and the way to it.
type watching struct {
	proc *os.Process
	pipe int           // to it; its end tells it of ours
	gone chan struct{} // closed when it has ended

	mu     sync.Mutex // held for instants only
	closed bool       // the pipe is
}

var _ Watching = (*watching)(nil)

// Watch starts a process in a session of its own that waits for the end of this one,
// and shows itself in the list of processes as name. Where this process ends in any
// other way than after Unwatch, the watcher executes p in its own place: a Respawned
// program. What it executes is the program of this process, also where another one has
// its path by then. Where there is a watcher, which the program before has started,
// it is told p.State and returned. It may block as long as the start of a process does.
//
// The watcher sleeps until then; on Linux, the Go runtime wakes it once a minute. It
// has nothing open of this process's files, those included that Go has not opened.
func (o *OS) Watch(p Program, name string) (Watching, error) {
	defer o.self.spare.lend()()
	w, err := startWatcher(p, name)
	if err != nil {
		return nil, wrap("start a watcher", err)
	}
	return w, nil
}

// Unwatch kills the watcher, if there is one, and none is started any more. It does
// not block.
func (*OS) Unwatch() {
	watch.mu.Lock()
	defer watch.mu.Unlock()
	watch.over = true
	if watch.present != nil {
		_ = watch.present.proc.Kill()
	}
}

func startWatcher(p Program, name string) (*watching, error) {
	watch.starting.Lock()
	defer watch.starting.Unlock()
	watch.mu.Lock()
	present := watch.present
	watch.mu.Unlock()
	if present != nil && !present.ended() {
		return present, present.Tell(p.State)
	}
	w, err := spawnWatcher(p, name)
	if err != nil {
		return nil, err
	}
	go w.reap()
	watch.mu.Lock()
	defer watch.mu.Unlock()
	if watch.over {
		_ = w.proc.Kill()
		return nil, errUnwatched
	}
	watch.present = w
	w.Resume() // from its start on it has been suspended
	return w, nil
}

// spawnWatcher starts the process.
func spawnWatcher(p Program, name string) (*watching, error) {
	info := startInfo{Kind: kindWatcher, Dir: path(p.Dir), PID: os.Getpid(), Path: path(p.Path)}
	order, err := info.putState(orderOf(p))
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, lacks(err)
	}
	defer null.Close()
	read, write, err := watcherPipe()
	if err != nil {
		return nil, lacks(err)
	}
	defer read.Close()
	files := []*os.File{null, null, null, read}
	info.Report = 3
	if order != nil {
		defer order.Close()
		files = append(files, order)
		info.StateFile = 4
	}
	if info.Pipe, err = pipeInode(write); err != nil {
		_ = unix.Close(write)
		return nil, err
	}
	env, err := info.environment()
	if err != nil {
		_ = unix.Close(write)
		return nil, err
	}
	proc, err := os.StartProcess(watcherProgram(p.Path), []string{name}, &os.ProcAttr{
		Dir: "/", Env: env, Files: files, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		_ = unix.Close(write)
		return nil, explain(p.Path, err)
	}
	return &watching{proc: proc, pipe: write, gone: make(chan struct{})}, nil
}

// tellLog tells the watcher, if there is one, where the log is now.
func tellLog(file string) {
	watch.mu.Lock()
	present := watch.present
	watch.mu.Unlock()
	if present != nil {
		_ = present.send(sayLog(file))
	}
}

// watcherPipe returns a pipe whose writing end does not block. Where the reading end
// is, writing ends: a descriptor, because an os.File could not be passed on by number.
func watcherPipe() (read *os.File, write int, err error) {
	read, w, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer w.Close()
	write, err = unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.SetNonblock(write, true)
	}
	if err != nil {
		read.Close()
		return nil, 0, err
	}
	return read, write, nil
}

// reap waits for the watcher's end.
func (w *watching) reap() {
	if handle, err := process.Watch(w.proc); err == nil {
		_ = handle.Wait(context.Background()) // which takes no thread, as the next wait would
	}
	_, _ = w.proc.Wait()
	watch.mu.Lock()
	if watch.present == w {
		watch.present = nil
	}
	watch.mu.Unlock()
	w.mu.Lock()
	w.closed = true
	_ = unix.Close(w.pipe)
	w.mu.Unlock()
	close(w.gone)
}

func (w *watching) ended() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// PID is part of Watching, as are the methods that follow.
func (w *watching) PID() int { return w.proc.Pid }

// Wait returns when the watcher has been reaped.
func (w *watching) Wait() { <-w.gone }

// Suspend is a write into a pipe.
func (w *watching) Suspend() { _ = w.send(sayStop) }

// Resume is one, too.
func (w *watching) Resume() { _ = w.send(sayDeath) }

// Tell kills a watcher that does not read.
func (w *watching) Tell(state []byte) error {
	text, err := sayState(state)
	if err != nil {
		return err
	}
	if err := w.send(text); err != nil {
		_ = w.proc.Kill()
		return fmt.Errorf("reexec: tell the watcher, process %d: %w", w.PID(), err)
	}
	return nil
}

// send writes a line, whole or not at all: what is longer than a pipe writes at once
// may be cut short, which is an error.
func (w *watching) send(line string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrProcessDone
	}
	for {
		n, err := unix.Write(w.pipe, []byte(line))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("write", err)
		case n < len(line):
			return fmt.Errorf("%d of %d bytes written: it does not read", n, len(line))
		default:
			return nil
		}
	}
}

// passedWatcher is a watcher that an exec keeps.
type passedWatcher struct {
	PID  int        `json:"pid"`
	Pipe passedFile `json:"pipe"`
}

// putWatcher puts the watcher into s, and returns the descriptor of the pipe to it;
// none where there is none.
func (s *startInfo) putWatcher() (fds []int) {
	watch.mu.Lock()
	defer watch.mu.Unlock()
	w := watch.present
	if w == nil || w.ended() {
		return nil
	}
	pipe, err := passed(w.pipe)
	if err != nil {
		return nil
	}
	s.Watcher = &passedWatcher{PID: w.PID(), Pipe: pipe}
	return []int{w.pipe}
}

// takeWatcher takes the watcher over as the program before had it, while the package
// starts and after SIGTERM has a handler.
func (s *startInfo) takeWatcher() {
	if s.Watcher == nil || !s.Watcher.Pipe.there() {
		return
	}
	unix.CloseOnExec(s.Watcher.Pipe.FD)
	proc, err := os.FindProcess(s.Watcher.PID)
	if err != nil {
		_ = unix.Close(s.Watcher.Pipe.FD)
		return
	}
	w := &watching{proc: proc, pipe: s.Watcher.Pipe.FD, gone: make(chan struct{})}
	watch.present = w
	w.Resume()
	go w.reap()
}
