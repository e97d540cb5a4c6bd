package forker

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/signals"
)

// Child is what a task's function is given of the process that it runs in. It
// is safe for concurrent use.
type Child struct {
	task     string
	mu       sync.Mutex
	messages *os.File
}

// Task returns the name of the task that runs.
func (c *Child) Task() string { return c.task }

// Logf writes a line to the daemon's log, under this child's PID.
func (c *Child) Logf(format string, args ...any) {
	c.send(Message{Kind: Logged, Text: fmt.Sprintf(format, args...)})
}

// Alertf writes a line to the daemon's log and alerts.
func (c *Child) Alertf(format string, args ...any) {
	c.send(Message{Kind: Alerted, Text: fmt.Sprintf(format, args...)})
}

// send tells the daemon something. Where that has died, so does this process
// soon.
func (c *Child) send(m Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = writeMessage(c.messages, m)
}

// Main runs the task if this process is a child, and does not return then: the
// process ends. In any other process it does nothing but note that it was
// called. Call it as the first line of main, or of TestMain; Main and Run of a
// daemon do so.
func Main() {
	reachedMain.Store(true)
	if inherited != nil {
		inherited.run()
	}
}

// run is a child's life.
func (s *startInfo) run() {
	if os.Getppid() != s.Parent { // it died before this process asked to die with it
		killOwnGroup()
	}
	_ = unix.SetNonblock(inputFD, true) // so that the wait for its end takes no thread
	input := os.NewFile(inputFD, "input")
	in := make([]byte, s.Length)
	if _, err := io.ReadFull(input, in); err != nil {
		killOwnGroup()
	}
	go func() {
		_, _ = io.Copy(io.Discard, input)
		killOwnGroup()
	}()
	signals.CatchBrokenPipe() // a line that nobody reads must not end this process before its group
	dead := make(chan os.Signal, 1)
	signal.Notify(dead, syscall.SIGHUP) // before the task can return because of it
	go func() {
		<-dead
		killOwnGroup()
	}()
	softenParentDeath()
	runtime.UnlockOSThread()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := &Child{task: s.Task, messages: os.NewFile(messagesFD, "messages")}
	c.send(Message{Kind: Began})
	outcome := s.execute(ctx, c, in)
	if outcome.Kind == Returned && len(outcome.Data) > s.MaxBytes {
		outcome = Message{Kind: TooLarge, Size: len(outcome.Data), Limit: s.MaxBytes}
	}
	widen(messagesFD, len(outcome.Data))
	c.send(outcome)
	if os.Getppid() != s.Parent { // what ended the task was its death
		killOwnGroup()
	}
	if outcome.Kind != Returned {
		os.Exit(1)
	}
	os.Exit(0)
}

// killOwnGroup ends this process and all that it started: the daemon has died.
func killOwnGroup() {
	if unix.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(-os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(1)
}

// execute runs the task within its limits.
func (s *startInfo) execute(ctx context.Context, c *Child, in []byte) Message {
	task := registered(s.Task)
	if task == nil {
		return Message{Kind: Refused, Text: "it is not registered in the child: call forker.NewTask at package level"}
	}
	if err := s.limit(); err != nil {
		return Message{Kind: Refused, Text: err.Error()}
	}
	return <-guarded(func() ([]byte, error) { return task.call(ctx, c, in) })
}

// guarded runs f in a goroutine of its own and returns what became of it.
func guarded(f func() ([]byte, error)) <-chan Message {
	outcome := make(chan Message, 1)
	go func() {
		m := Message{Kind: Failed, Text: "the function ended its goroutine (runtime.Goexit)"}
		defer func() {
			if v := recover(); v != nil {
				m = Message{Kind: Panicked, Text: fmt.Sprint(v), Stack: string(debug.Stack())}
			}
			outcome <- m
		}()
		result, err := f()
		if err != nil {
			m = Message{Kind: Failed, Text: err.Error()}
			return
		}
		m = Message{Kind: Returned, Data: result}
	}()
	return outcome
}

// limit sets what this process may use.
func (s *startInfo) limit() error {
	if s.Nice != 0 {
		if err := beNice(s.Nice); err != nil {
			return fmt.Errorf("its nice level cannot be changed by %d (only root may lower it): %w", s.Nice, err)
		}
	}
	if s.Memory > 0 {
		if err := limitMemory(s.Memory); err != nil {
			return fmt.Errorf("its memory cannot be limited to %d bytes: %w", s.Memory, err)
		}
	}
	return nil
}

// beNice changes the nice level of this process's group, which is all of its
// threads.
func beNice(change int) error {
	now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	return unix.Setpriority(unix.PRIO_PGRP, 0, niceLevel(now)+change)
}
