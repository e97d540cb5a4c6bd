package forker

import (
	"context"
	"io"
	"os"
	"syscall"
)

// Processes starts the children. [OS] is the real one; package forkertest tests
// any other. It is safe for concurrent use.
type Processes interface {
	// Start starts a child that runs c.Task, and returns when it is there or
	// has failed to start. Nothing of the child reaches c's functions after
	// its Wait has returned.
	Start(c Command) (Process, error)
}

// Command is what a child is to do, and where what it says goes.
type Command struct {
	// Task is the name of the task that the child runs; of the pool, for a
	// worker.
	Task string

	// Worker says that the child is a worker: it runs the calls that Send
	// brings, until it is told to finish.
	Worker bool

	// Setup says that the child runs its daemon's Setup first, with the command
	// line Args. Who plays children without processes ignores it.
	Setup bool
	Args  []string

	// Input is the task's argument as JSON; a worker has none.
	Input []byte

	// Environment holds "key=value" strings in addition to the daemon's own
	// environment. A later one of the same key counts.
	Environment []string

	// Dir is the child's working directory; empty means the daemon's.
	Dir string

	// Nice is added to the daemon's own nice level.
	Nice int

	// Memory is the limit of the child's memory in bytes; 0 means none.
	Memory int64

	// MaxBytes is the largest argument or result in bytes.
	MaxBytes int

	// Outlives says that the child does not end when its daemon executes the
	// next program (see [Adopter]). A worker has it not.
	Outlives bool

	// Stdout and Stderr receive what the child prints, each from one
	// goroutine. They may block; the child then waits.
	Stdout, Stderr io.Writer

	// Message receives what the child says in private, in order and from one
	// goroutine. It may block.
	Message func(Message)
}

// Process is a child, in a process group of its own. It is safe for concurrent
// use.
type Process interface {
	// PID returns the child's number.
	PID() int

	// Signal sends sig to the child and to all processes of its group. After
	// the child was reaped it returns os.ErrProcessDone and signals nobody.
	Signal(sig syscall.Signal) error

	// Send hands a message to a worker: Called or Finish. It may be called
	// before the worker is Ready. Nil means that the worker can read all of
	// it, not that it has. Any error means that it never gets this message,
	// nor a later one: os.ErrProcessDone after Wait, ctx's cause where ctx was
	// done while the worker took nothing. It blocks until one of these is
	// decided, or the worker has ended; an idle worker takes 32 KB at once.
	// Command.Message may call it.
	Send(ctx context.Context, m Message) error

	// Wait blocks until the child has ended, kills what is left of its group,
	// reaps it, and returns how it ended, when all that it wrote has reached
	// the Command's functions. Who else holds its pipes does not matter. It is
	// called once.
	Wait() Exit
}

// Handoff is what passes a child, or all of a group's, to the next program of
// the same process.
type Handoff struct {
	// Value is what Adopt of the next program is given.
	Value string

	// Files must stay open across the exec, under the same descriptors.
	Files []*os.File
}

// Adopter is Processes whose children can outlive their daemon's program. Those
// that are started with Command.Outlives are Pausable.
type Adopter interface {
	Processes

	// Adopt takes over a child that the program before of this process has
	// handed off. It is paused, and ends within c's limits as one of Start. An
	// error says that the child is lost; it has been killed then.
	Adopt(handoff string, c Command) (Pausable, error)
}

// Pausable is a child that can be handed to the next program.
type Pausable interface {
	Process

	// Pause makes the child wait with what it prints and says, and Wait with
	// reaping it, until Resume. It returns nil when nothing of the child reaches
	// the Command's functions any more, os.ErrProcessDone where Wait is about to
	// return, and ctx's cause where a function has not returned by then; the
	// child is not paused then.
	Pause(ctx context.Context) error

	// Resume undoes Pause. Nothing of what the child said is lost.
	Resume()

	// Handoff returns what the next program needs to go on with the child, which
	// must be paused, and can be resumed if no exec follows.
	Handoff() (Handoff, error)
}

// MessageKind says what a child says in private, or what it is told.
type MessageKind byte

// The kinds of messages. A child that runs its task to the end sends one
// Began, any number of Logged and Alerted, and one outcome: Returned, Failed,
// Panicked, TooLarge or Refused, in this order.
//
// A worker sends Began, and Ready when it is set up; an outcome in place of
// Ready says that its set-up failed, and it ends. It then runs one call after
// the other, in the order in which they were sent, and answers each with one
// outcome; none of these ends it. When it is told to finish, or gets SIGTERM,
// it answers the call that it runs, sends Leaving, tears down, and sends a last
// outcome: Returned without data, or what went wrong in the teardown. Calls
// that it has not begun remain without an answer. Logged and Alerted may come
// at any time.
const (
	// Began: the child has reached [Main], and runs the task next.
	Began MessageKind = 'b'

	// Logged: the task called [Child.Logf].
	Logged MessageKind = 'l'

	// Alerted: the task called [Child.Alertf].
	Alerted MessageKind = 'a'

	// Returned: the task's result is in Data.
	Returned MessageKind = 'r'

	// Failed: the task returned an error, which is in Text.
	Failed MessageKind = 'f'

	// Panicked: the task panicked with Text, at Stack.
	Panicked MessageKind = 'p'

	// TooLarge: the result has Size bytes, more than allowed.
	TooLarge MessageKind = 's'

	// Refused: the task or the call could not be run; Text says why.
	Refused MessageKind = 'x'

	// Ready: the worker is set up.
	Ready MessageKind = 'y'

	// Leaving: the worker runs no further call, not even one that was sent.
	Leaving MessageKind = 'v'

	// Resident: the worker has Size bytes of resident memory. It comes before
	// an answer, from workers of a pool that limits it.
	Resident MessageKind = 'm'

	// Called tells a worker to run the method Text with the argument Data.
	Called MessageKind = 'c'

	// Finish tells a worker to tear down and end.
	Finish MessageKind = 'e'
)

// Message is what a child says in private, or what it is told.
type Message struct {
	// Kind says which of the other fields have a meaning.
	Kind MessageKind

	// Text is a line of the log, an alert, an error, a panic's value or a
	// method's name.
	Text string

	// Stack is where the task panicked.
	Stack string

	// Size is the length in bytes of a result that is too large, and Limit what
	// is allowed; or Size is of memory.
	Size, Limit int

	// Data is a result or an argument as JSON.
	Data []byte `json:"-"`
}
