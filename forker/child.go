package forker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// child is one child as the daemon sees it, from Fork to its end.
type child struct {
	task     string
	input    []byte
	settings settings
	closure  func(ctx context.Context) error // nil for a task
	worker   *worker                         // nil for a task

	announced chan struct{} // closed when OnFork has returned
	left      chan struct{} // closed when a queued child is queued no more
	startErr  error         // of a queued child; before left is closed
	done      chan struct{} // closed at the end, when result and err are set
	result    []byte
	err       error

	tell, kill         chan struct{} // closed to have it signalled
	tellOnce, killOnce sync.Once
	limits             chan time.Duration // what is left of its time, from now on

	stdout, stderr lineWriter

	// What it said; the process's own goroutines', until its Wait returns.
	began   bool
	outcome Message
	crash   crash

	// The group's mutex guards the rest.
	state     State
	pid       int
	process   Process
	started   time.Time
	startedAt time.Time
	endedAt   time.Time
	exit      Exit
	dueAt     time.Time // when attend's timer fires
	timedOut  bool      // written by attend alone
	paused    bool
	attended  bool // somebody waits for its end
	lost      bool // somebody did, in the program before
	reported  bool // Fork returns why it was not started
}

func newChild(task string, input []byte, s settings) *child {
	return &child{
		task: task, input: input, settings: s,
		announced: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{}),
		tell: make(chan struct{}), kill: make(chan struct{}), limits: make(chan time.Duration),
	}
}

func (c *child) askToEnd() { c.tellOnce.Do(func() { close(c.tell) }) }
func (c *child) forceEnd() { c.killOnce.Do(func() { close(c.kill) }) }

// setLimit lets a worker go on for d at most; 0 ends it.
func (c *child) setLimit(d time.Duration) {
	select {
	case c.limits <- d:
	case <-c.done:
	}
}

// inProcess reports whether it is a goroutine, which nothing can kill.
func (c *child) inProcess() bool {
	return c.closure != nil || c.worker != nil && c.worker.live.pool.config.InProcess
}

// command is what the child's process is started with.
func (c *child) command(g *Group) Command {
	line := func(text string) {
		<-c.announced
		if g.OnLine != nil {
			g.OnLine(g.infoOf(c), text)
		}
	}
	c.stdout = lineWriter{max: g.maxLine(), line: line}
	c.stderr = lineWriter{max: g.maxLine(), line: func(text string) {
		c.crash.note(text)
		line(text)
	}}
	return Command{
		Task: c.task, Worker: c.worker != nil, Input: c.input, Setup: c.settings.daemon, Args: g.Args,
		Environment: c.settings.env, Dir: c.settings.dir, Nice: c.settings.nice, Memory: c.settings.memory,
		MaxBytes: g.maxBytes(), Outlives: c.settings.outlives,
		Stdout: &c.stdout, Stderr: &c.stderr,
		Message: func(m Message) {
			<-c.announced
			g.receive(c, m)
		},
	}
}

// startProcess starts what runs the task, or the function.
func (c *child) startProcess(g *Group) (Process, error) {
	command := c.command(g)
	switch {
	case c.closure != nil:
		return startClosure(c.closure, command.Message), nil
	case c.inProcess():
		return startInProcess(command), nil
	}
	return g.processes().Start(command)
}

// receive takes what the child says in private.
func (g *Group) receive(c *child, m Message) {
	switch m.Kind {
	case Began:
		c.began = true
	case Logged:
		if g.OnLog != nil {
			g.OnLog(g.infoOf(c), m.Text)
		}
	case Alerted:
		if g.OnAlert != nil {
			g.OnAlert(g.infoOf(c), m.Text)
		}
	case Returned, Failed, Panicked, TooLarge, Refused, Ready, Leaving, Resident:
		if c.worker != nil {
			c.worker.receive(m)
			return
		}
		c.outcome = m
	case Called, Finish: // are said to children only
	}
}

// attend waits for a child's end, and signals it when it is due. timer is that
// of its time-out.
func (g *Group) attend(c *child, timer clockwork.Timer) {
	ended := make(chan Exit, 1)
	go func() { ended <- c.process.Wait() }()
	defer timer.Stop()
	tell, kill := c.tell, c.kill
	for {
		select {
		case exit := <-ended:
			g.finish(c, exit)
			return
		case <-tell:
			tell = nil
			g.tell(c)
		case <-kill:
			kill = nil
			g.signal(c, syscall.SIGKILL, Killed)
		case d := <-c.limits:
			if !c.timedOut {
				g.setTimer(c, timer, d)
			}
		case <-timer.C():
			if c.timedOut {
				g.signal(c, syscall.SIGKILL, Killed)
				continue
			}
			select {
			case exit := <-ended: // at the very end of its time
				g.finish(c, exit)
				return
			default:
			}
			g.mu.Lock()
			c.timedOut = true
			g.mu.Unlock()
			g.signal(c, syscall.SIGTERM, Told)
			g.setTimer(c, timer, c.settings.grace)
		}
	}
}

// setTimer sets the timer of attend.
func (g *Group) setTimer(c *child, timer clockwork.Timer, d time.Duration) {
	d = min(d, forever)
	g.mu.Lock()
	c.dueAt = g.clock().Now().Add(d)
	g.mu.Unlock()
	timer.Reset(d)
}

// tell asks a child to end.
func (g *Group) tell(c *child) {
	if c.worker == nil {
		g.signal(c, syscall.SIGTERM, Told)
		return
	}
	g.mu.Lock()
	c.state = max(c.state, Told)
	g.mu.Unlock()
	c.worker.drain()
}

// signal signals a child's group.
func (g *Group) signal(c *child, sig syscall.Signal, state State) {
	if c.inProcess() {
		state = Told
	}
	g.mu.Lock()
	c.state = max(c.state, state)
	g.mu.Unlock()
	_ = c.process.Signal(sig) // one that has just ended is told next
}

// finish ends a child whose process was reaped.
func (g *Group) finish(c *child, exit Exit) {
	c.stdout.flush()
	c.stderr.flush()
	result, err := c.conclude(exit)
	g.mu.Lock()
	c.exit, c.endedAt = exit, g.clock().Now()
	g.mu.Unlock()
	if c.worker == nil {
		g.noteEnd(c, err)
		g.end(c, result, err)
		g.startNext()
		return
	}
	err = c.worker.conclude(err)
	g.noteEnd(c, err)
	c.worker.ended(cmp.Or(err, fmt.Errorf("%v", exit)))
	g.end(c, nil, err)
	g.startNext()
	c.worker.live.remove(c.worker, err)
}

// conclude tells a child's result from what it said and how it ended. A result
// that it sent counts, however it ended afterwards.
func (c *child) conclude(exit Exit) ([]byte, error) {
	m := c.outcome
	switch {
	case m.Kind == Returned:
		return m.Data, nil
	case c.timedOut && c.closure != nil:
		return nil, fmt.Errorf("it has not returned within its time-out of %v: %w", c.settings.timeout, context.DeadlineExceeded)
	case c.timedOut:
		return nil, &TimeoutError{Limit: c.settings.timeout, Exit: exit, Began: c.began}
	case closed(c.tell) || closed(c.kill):
		if m.Kind == Failed {
			return nil, fmt.Errorf("%w: %w", ErrKilled, &TaskError{m.Text})
		}
		return nil, fmt.Errorf("%w: %v", ErrKilled, exit)
	case m.Kind == Failed:
		return nil, &TaskError{m.Text}
	case m.Kind == Panicked:
		return nil, &PanicError{m.Text, m.Stack}
	case m.Kind == TooLarge:
		return nil, &SizeError{"result", m.Size, m.Limit}
	case m.Kind == Refused:
		return nil, errors.New(m.Text)
	case c.settings.memory > 0 && c.crash.OutOfMemory:
		return nil, fmt.Errorf("%w: it needed more than its limit of %d bytes (Memory)", ErrMemory, c.settings.memory)
	case exit.Code == 2 && c.crash.Value != "":
		return nil, &PanicError{c.crash.Value, strings.Join(c.crash.Stack, "\n")}
	}
	return nil, &ExitError{Exit: exit, Began: c.began, Stderr: strings.Join(c.crash.Last, "\n")}
}

// closed tells whether a channel that only gets closed is.
func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// end makes a child's result known, and frees its place.
func (g *Group) end(c *child, result []byte, err error) {
	if err != nil {
		err = c.explain(err)
	}
	c.result, c.err = result, err
	g.mu.Lock()
	c.state = Ended
	info, forgotten := g.info(c), !c.attended && (c.process != nil || !c.reported)
	g.mu.Unlock()
	if c.process != nil && !c.inProcess() && g.OnReap != nil {
		g.OnReap(info, err)
	}
	if err != nil && forgotten && !errors.Is(err, ErrKilled) && g.OnFailure != nil {
		g.OnFailure(info, err)
	}
	g.mu.Lock()
	g.running = slices.DeleteFunc(g.running, func(other *child) bool { return other == c })
	g.change()
	g.mu.Unlock()
	close(c.done)
}

// change wakes those who wait for a change; mu is held.
func (g *Group) change() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// explain says which child an error is about.
func (c *child) explain(err error) error {
	if c.closure != nil {
		return fmt.Errorf("forker: function %s: %w", c.task, err)
	}
	what := "task"
	if c.worker != nil {
		what = "worker of pool"
	}
	if c.pid == 0 {
		return fmt.Errorf("forker: %s %s: %w", what, c.task, err)
	}
	return fmt.Errorf("forker: %s %s (PID %d): %w", what, c.task, c.pid, err)
}
