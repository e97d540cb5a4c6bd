package forker

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

// Main runs the task if this process is a child, and does not return then: the
// process ends. In any other process it does nothing but note that it was
// called. Call it as the first line of main, or of TestMain; Main and Run of a
// daemon do so.
func Main() { MainOf(nil) }

// DaemonSetup runs a daemon's Setup in a child, and returns its Teardown. args
// are the daemon's command line; what it has to log and alert it says to c.
type DaemonSetup func(ctx context.Context, c *Child, args []string) (teardown func(ctx context.Context) error, err error)

// MainOf is Main for a program that is a daemon, whose children may be forked
// WithSetup: such a child calls setup first. Nil refuses them.
func MainOf(setup DaemonSetup) {
	reachedMain.Store(true)
	if inherited != nil {
		inherited.run(setup)
	}
}

// run is a child's life.
func (s *startInfo) run(setup DaemonSetup) {
	if os.Getppid() != s.Parent { // it died before this process asked to die with it
		killOwnGroup()
	}
	_ = unix.SetNonblock(inputFD, true) // so that the wait for its end takes no thread
	input := os.NewFile(inputFD, "input")
	in := make([]byte, s.Length)
	if _, err := io.ReadFull(input, in); err != nil {
		killOwnGroup()
	}
	calls := make(chan Message, callsAhead)
	go s.receive(input, calls)
	signals.CatchBrokenPipe() // a line that nobody reads must not end this process before its group
	dead := make(chan os.Signal, 1)
	signal.Notify(dead, syscall.SIGHUP) // before the task can return because of it
	go func() {
		<-dead
		killOwnGroup()
	}()
	changeParentDeath(s.Outlives)
	runtime.UnlockOSThread()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	messages := os.NewFile(messagesFD, "messages")
	c := newChildSide(s.Task, func(m Message) {
		widen(messagesFD, len(m.Data))
		_ = writeMessage(messages, m) // where the daemon has died, so does this process soon
	})
	c.stdout, c.stderr = os.Stdout, os.Stderr
	c.limit, c.resident = s.limit, residentMemory
	if s.Setup {
		c.setup = func(ctx context.Context) (func(ctx context.Context) error, error) {
			if setup == nil {
				return nil, errNoDaemon
			}
			return setup(ctx, c, s.Args)
		}
	}
	outcome := c.perform(ctx, Command{Task: s.Task, Worker: s.Worker, Input: in, MaxBytes: s.MaxBytes}, calls)
	if os.Getppid() != s.Parent { // what ended the task was its death
		killOwnGroup()
	}
	if outcome.Kind != Returned {
		os.Exit(1)
	}
	os.Exit(0)
}

// callsAhead is how many calls wait in a worker: while there are not more, the
// end of the pipe is noticed at once.
const callsAhead = 16

// receive hands on what the daemon sends, until it dies.
func (s *startInfo) receive(input io.Reader, calls chan<- Message) {
	reader := bufio.NewReader(input)
	for {
		m, err := readMessage(reader, s.MaxBytes)
		if err != nil {
			killOwnGroup()
		}
		calls <- m
	}
}

// killOwnGroup ends this process and all that it started: the daemon has died.
func killOwnGroup() {
	if unix.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(-os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(1)
}

// residentMemory returns this process's resident memory in bytes; its peak where
// the platform tells no more.
func residentMemory() int {
	now, peak := reexec.Resident()
	return int(cmp.Or(now, peak))
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
		go watchMemory(s.Memory)
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
