package forker

import (
	"io"
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
	// Task is the name of the task that the child runs.
	Task string

	// Input is the task's argument as JSON.
	Input []byte

	// Environment holds "key=value" strings in addition to the daemon's own
	// environment. A later one of the same key counts.
	Environment []string

	// Dir is the child's working directory; empty means the daemon's.
	Dir string

	// Nice is added to the daemon's own nice level.
	Nice int

	// Memory is the limit of the child's data segment in bytes; 0 means none.
	Memory int64

	// MaxBytes is the largest result in bytes.
	MaxBytes int

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

	// Wait blocks until the child has ended, kills what is left of its group,
	// reaps it, and returns how it ended, when all that it wrote has reached
	// the Command's functions. Who else holds its pipes does not matter. It is
	// called once.
	Wait() Exit
}

// MessageKind says what a child says in private.
type MessageKind byte

// The kinds of messages. A child that runs its task to the end sends one
// Began, any number of Logged and Alerted, and one of the others, in this order.
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

	// Refused: the task could not be run; Text says why.
	Refused MessageKind = 'x'
)

// Message is what a child says in private.
type Message struct {
	// Kind says which of the other fields have a meaning.
	Kind MessageKind

	// Text is a line of the log, an alert, an error or a panic's value.
	Text string

	// Stack is where the task panicked.
	Stack string

	// Size is the length in bytes of a result that is too large, and Limit what
	// is allowed.
	Size, Limit int

	// Data is the task's result as JSON.
	Data []byte `json:"-"`
}
