package forker

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
)

// Child is what a task's function is given of the process that it runs in. It
// is safe for concurrent use.
type Child struct {
	task     string
	say      func(Message)
	turn     chan struct{} // holds a value while something is said
	over     bool          // the last outcome was said
	limit    func() error  // sets what the process may use; may be nil
	resident func() int    // returns the memory that the process has; may be nil

	// setup runs the daemon's Setup, where that is asked for, and returns its
	// Teardown.
	setup func(ctx context.Context) (teardown func(ctx context.Context) error, err error)

	stdout, stderr io.Writer

	instead func(ctx context.Context, call Message) (outcome Message, done bool)
}

func newChildSide(task string, say func(Message)) *Child {
	return &Child{task: task, say: say, turn: make(chan struct{}, 1)}
}

// Task returns the name of the task, or the pool, that runs.
func (c *Child) Task() string { return c.task }

// Stdout returns the child's standard output: os.Stdout in a process, and what
// stands for it where a test plays the child in its own. It is nil where that
// plays none.
func (c *Child) Stdout() io.Writer { return c.stdout }

// Stderr returns the child's standard error, as Stdout its output.
func (c *Child) Stderr() io.Writer { return c.stderr }

// Logf writes a line to the daemon's log, under this child's PID.
func (c *Child) Logf(format string, args ...any) {
	c.send(Message{Kind: Logged, Text: fmt.Sprintf(format, args...)})
}

// Alertf writes a line to the daemon's log and alerts.
func (c *Child) Alertf(format string, args ...any) {
	c.send(Message{Kind: Alerted, Text: fmt.Sprintf(format, args...)})
}

// send tells the daemon something.
func (c *Child) send(m Message) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if !c.over {
		c.say(m)
	}
}

// end sends the last message.
func (c *Child) end(m Message) {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.say(m)
	c.over = true
}

// Perform does in this process what a child does: it runs the task, or serves
// the calls of a worker, says to command.Message what the child says, from one
// goroutine at a time, and returns how the child's process ends. ctx is done
// when the child gets SIGTERM. calls brings what was sent, Called and Finish; a
// task has none. Of the command it uses Task, Worker, Input, MaxBytes, Message,
// and Stdout and Stderr for Child's.
//
// instead, where not nil, is asked for the outcome of each call before its
// method is run; false has it run.
//
// It is for those who play children without processes, as a harness does. A
// function that never returns keeps it from returning.
func Perform(
	ctx context.Context, command Command, calls <-chan Message,
	instead func(ctx context.Context, call Message) (outcome Message, done bool),
) Exit {
	c := newChildSide(command.Task, command.Message)
	c.stdout, c.stderr, c.instead = command.Stdout, command.Stderr, instead
	return exitAfter(c.perform(ctx, command, calls))
}

// exitAfter tells how a child ends after its last outcome.
func exitAfter(outcome Message) Exit {
	if outcome.Kind == Returned {
		return Exit{}
	}
	return Exit{Code: 1}
}

// perform says all that the child says, and returns the last outcome.
func (c *Child) perform(ctx context.Context, command Command, calls <-chan Message) Message {
	c.send(Message{Kind: Began})
	outcome := c.run(ctx, command, calls)
	c.end(outcome)
	return outcome
}

// run runs the task, or the worker, within its limits.
func (c *Child) run(ctx context.Context, command Command, calls <-chan Message) Message {
	what := registered(command.Task)
	if what == nil {
		return Message{Kind: Refused, Text: "it is not registered in the child: call forker.NewTask or NewPool at package level"}
	}
	if _, isPool := what.(*Pool); isPool != command.Worker {
		return Message{Kind: Refused, Text: "a task is not a pool"}
	}
	if c.limit != nil {
		if err := c.limit(); err != nil {
			return Message{Kind: Refused, Text: err.Error()}
		}
	}
	if outcome := guarded(func() ([]byte, error) { return nil, atStart(ctx, c) }); outcome.Kind != Returned {
		return outcome
	}
	if c.setup == nil {
		return c.runTask(ctx, command, what, calls)
	}
	var teardown func(ctx context.Context) error
	outcome := guarded(func() (_ []byte, err error) {
		teardown, err = c.setup(ctx)
		return nil, err
	})
	if outcome.Kind != Returned {
		outcome.Text = "the daemon's Setup in the child: " + outcome.Text
		return outcome
	}
	outcome = c.runTask(ctx, command, what, calls)
	if m := guarded(func() ([]byte, error) { return nil, teardown(context.WithoutCancel(ctx)) }); m.Kind != Returned && outcome.Kind == Returned {
		m.Text = "the daemon's Teardown in the child: " + m.Text
		return m
	}
	return outcome
}

// runTask runs what was registered.
func (c *Child) runTask(ctx context.Context, command Command, what any, calls <-chan Message) Message {
	if pool, isPool := what.(*Pool); isPool {
		return pool.serve(ctx, c, command.MaxBytes, calls)
	}
	task := what.(runner)
	return bounded(command.MaxBytes, guarded(func() ([]byte, error) { return task.call(ctx, c, command.Input) }))
}

// bounded refuses a result that is too large.
func bounded(maxBytes int, outcome Message) Message {
	if outcome.Kind == Returned && len(outcome.Data) > maxBytes {
		return Message{Kind: TooLarge, Size: len(outcome.Data), Limit: maxBytes}
	}
	return outcome
}

// guarded runs f in a goroutine of its own and returns what became of it.
func guarded(f func() ([]byte, error)) Message { return <-begin(f) }

// begin runs f in a goroutine of its own and tells what became of it.
func begin(f func() ([]byte, error)) <-chan Message {
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
