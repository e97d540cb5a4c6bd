package forker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Sentinels that callers branch on with errors.Is.
var (
	// ErrFull says that as many children run, or wait, as are allowed.
	ErrFull = errors.New("too many children")

	// ErrClosed says that the group refuses children: the daemon has not
	// started yet, stops or restarts.
	ErrClosed = errors.New("children are refused: the daemon has not started yet, stops or restarts")

	// ErrEarlyDeaths says that a task's children are not started for a while,
	// because too many have died in their first seconds.
	ErrEarlyDeaths = errors.New("its children die soon after their start")

	// ErrKilled says that Kill or Stop ended the child before it had a result.
	ErrKilled = errors.New("the child was told to end")

	// ErrInChild says that a child tried to fork a task.
	ErrInChild = errors.New("a child forks no tasks: return what is to be forked to the daemon")

	// ErrCanceled says that Cancel ended a call.
	ErrCanceled = errors.New("the call was cancelled")

	// ErrWorkerDied says that a call's worker ended before it answered.
	ErrWorkerDied = errors.New("its worker died")

	// ErrLost says that a child has a result, and nobody has asked for it since
	// a restart.
	ErrLost = errors.New("its result is lost: it was waited for, and nobody has asked for it since the restart (Task.Adopted)")

	// ErrMemory says that a child reached its limit of memory.
	ErrMemory = errors.New("out of memory")
)

// missingLine is what a main must hold.
const missingLine = "call forker.Main() as the first line of main, or of TestMain " +
	"(Main and Run of a daemon do so)"

var errNoDaemon = errors.New("it has no daemon whose Setup could be run (WithSetup): " +
	"Main or Run of the daemon must come first, without forker.Main before it")

var errNoMain = errors.New("this program could not run as a child: " + missingLine)

// TaskError is the error that a task's function returned in the child. Only its
// text travels: errors.Is finds nothing else in it.
type TaskError struct{ Text string }

// Error returns the text.
func (e *TaskError) Error() string { return e.Text }

// PanicError says that a task's function panicked.
type PanicError struct {
	// Value is what was panicked with, as text.
	Value string

	// Stack is where, as debug.Stack formats it.
	Stack string
}

// Error returns the value and the stack.
func (e *PanicError) Error() string {
	return "panic: " + e.Value + "\n" + strings.TrimRight(e.Stack, "\n")
}

// ExitError says that a child ended without a result.
type ExitError struct {
	// Exit is how it ended.
	Exit Exit

	// Began says that it reached Main. One that did not never ran its task.
	Began bool

	// Stderr holds the last lines that it wrote to its standard error.
	Stderr string
}

// Error says what happened, and what to do.
func (e *ExitError) Error() string {
	text := e.Exit.String() + " without a result"
	switch {
	case !e.Began && e.Exit.Signal == 0:
		text = e.Exit.String() + ": its main ended before it reached the task: " + missingLine
	case e.Exit == Exit{}:
		text += " (did its function call os.Exit?)"
	}
	if e.Stderr == "" {
		return text
	}
	return text + "\n\t" + strings.ReplaceAll(e.Stderr, "\n", "\n\t")
}

// TimeoutError says that a child had no result within its time-out.
// errors.Is(err, context.DeadlineExceeded) matches it.
type TimeoutError struct {
	// Limit is the time-out.
	Limit time.Duration

	// Exit is how the child ended when it was told to.
	Exit Exit

	// Began says that the child reached Main.
	Began bool
}

// Error says what the limit was.
func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("no result within its time-out of %v: %v", e.Limit, e.Exit)
	if !e.Began {
		text += "; its main never reached the task: " + missingLine
	}
	return text
}

// Is matches context.DeadlineExceeded and os.ErrDeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// CallError says that a call has ended without an answer. errors.Is finds the
// reason: ErrWorkerDied, ErrCanceled, ErrClosed, context.DeadlineExceeded or
// another cause of the caller's own context.
type CallError struct {
	// PID is the worker that had the call; 0 where none had it, and for a
	// worker in this process.
	PID int

	// MayHaveRun says that the method may have run, in part or as a whole. Where
	// it is false, the method has not run and never will.
	MayHaveRun bool

	// Err is why there is no answer.
	Err error

	note string // more about why it waited
}

// Error says why, and whether the method may have run.
func (e *CallError) Error() string {
	switch {
	case !e.MayHaveRun:
		return fmt.Sprintf("%v; it has not run%s", e.Err, e.note)
	case e.PID == 0:
		return fmt.Sprintf("%v; it may have run", e.Err)
	}
	return fmt.Sprintf("%v; it may have run, on worker PID %d", e.Err, e.PID)
}

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }

// SizeError says that an argument or a result is too large.
type SizeError struct {
	// What is "argument" or "result".
	What string

	// Size and Limit are in bytes of JSON.
	Size, Limit int
}

// Error says both sizes, and what to do.
func (e *SizeError) Error() string {
	return fmt.Sprintf("its %s has %d bytes of JSON, more than the limit of %d: "+
		"raise Group.MaxBytes, or hand over a file's name", e.What, e.Size, e.Limit)
}
