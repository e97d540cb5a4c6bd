package forker

import (
	"context"
	"errors"
	"os"
	"strconv"
)

// Kind says how this process came to be.
type Kind int

const (
	// Fresh is a process that somebody started: a shell, a supervisor, cron.
	Fresh Kind = iota

	// Detached is a process that Processes.Launch started: it runs in a
	// session of its own, and its launcher waits for its Report.
	Detached

	// Restarted is the next image of a process that called Processes.Exec.
	Restarted

	// Trial is a process that Processes.Try started: it checks whether it
	// could run, touches nothing, and reports.
	Trial
)

// String is the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"fresh", "detached", "restarted", "trial"}[k]
}

// Birth is what a process was told by the process or image that started it.
type Birth struct {
	// Kind is how the process came to be.
	Kind Kind

	// Dir is the folder in which the command was typed: the one that relative
	// paths mean, whatever the working directory is now.
	Dir string

	// State is what was handed to Image.State; nil for a Fresh process.
	State []byte
}

// Image is a program to be started, or to take this process's place.
type Image struct {
	// Path is the program's file; absolute.
	Path string

	// Args are its arguments, without the program's own name.
	Args []string

	// Dir is the folder in which the command was typed (Birth.Dir). The
	// program starts in it, or in / where it no longer exists.
	Dir string

	// State reaches the program as its Birth.State.
	State []byte

	// Files stay open across Exec under the same descriptors. Launch and Try
	// ignore them.
	Files []*os.File
}

// Report is how a start went, as the started process itself tells it.
type Report struct {
	// PID is the process that reports; Report fills it in.
	PID int

	// Code is the exit status that the process is about to end with; 0 for
	// one that goes on.
	Code int

	// Running says that the process has started and goes on.
	Running bool

	// Message is for people: the errors, or what happened. It may be empty.
	Message string
}

// Processes is what a daemon needs of the machine's processes. It is safe for
// concurrent use, except where a method says otherwise.
type Processes interface {
	// PID is this process's number.
	PID() int

	// Executable is the absolute path of this process's program, resolved
	// once at its start, so that a rename or an upgrade does not change it.
	Executable() string

	// Birth says how this process came to be. It never changes.
	Birth() Birth

	// Launch starts img in a session of its own, with its standard input and
	// output on /dev/null, and blocks until it has reported, or has ended
	// without a report, which is an error that holds what it left on its
	// standard error. The process goes on when ctx ends.
	Launch(ctx context.Context, img Image) (Report, error)

	// Try starts img in a child that checks whether it could run. A nil error
	// means that it said yes. The child and all that it started are killed
	// when ctx ends.
	Try(ctx context.Context, img Image) error

	// Report tells the process that waits for it in Launch or Try how the
	// start went; where nobody waits it does nothing. A Detached process that
	// reports Running loses its standard error to /dev/null with it. Only the
	// first Report counts.
	Report(r Report) error

	// Settle turns a detached process into a proper daemon, as daemon(7)
	// asks: working directory /, umask 022. Call it when no relative path is
	// needed any more.
	Settle() error

	// Exec replaces this process's image by img: same PID, same parent. It
	// returns only when that fails, and then everything is as it was. (A fake
	// one returns nil when the image has been replaced: the caller must then
	// return without a further effect.) Call Signals.Quiesce first.
	Exec(img Image) error

	// ClaimPID writes this process's number to path: at once and whole, or
	// not at all. It is refused with a *ClaimedError while another living
	// process has claimed the file. A file that a dead process left is taken
	// over.
	ClaimPID(path string) (PIDFile, error)

	// AdoptPID takes up the claim that this process's previous image passed
	// on (see PIDFile.Baton).
	AdoptPID(path, baton string) (PIDFile, error)

	// CheckPID tells whether path could be claimed, as far as can be told
	// without touching anything. Whether somebody has claimed it is no matter.
	CheckPID(path string) error

	// Find returns the living process that has claimed the PID file. The
	// number in the file proves nothing; only the claim does. A missing or
	// empty file, garbage in it, or a number that no living claim stands
	// behind is an error that matches ErrNotRunning or says what is wrong.
	Find(path string) (Process, error)

	// Resident is this process's resident memory in bytes, now and at its
	// peak; 0 for what the platform cannot tell.
	Resident() (now, peak uint64)
}

// PIDFile is a PID file that this process has claimed.
type PIDFile interface {
	// Restore writes the file again where somebody removed or changed it, and
	// reports whether it had to. A file that somebody put in its place is left
	// alone and is an error.
	Restore() (bool, error)

	// Baton prepares the claim for the next image of this process. The file
	// belongs in Image.Files; it is nil where there is none.
	Baton() (string, *os.File, error)

	// Remove deletes the file, if it is still ours, and ends the claim. A
	// second Remove does nothing.
	Remove() error
}

// Process is another process, which keeps its identity: a later process under
// the same number is never mistaken for it.
type Process interface {
	// PID is its number.
	PID() int

	// Signal sends sig. os.ErrProcessDone says that it has ended.
	Signal(sig os.Signal) error

	// Wait blocks until the process has ended, or ctx is done, whose cause it
	// then returns.
	Wait(ctx context.Context) error
}

// Signals is how signals reach a daemon.
type Signals interface {
	// Listen calls deliver for each of sigs that arrives, from goroutines of
	// its own, until Quiesce. Signals of one kind may be merged where they
	// come faster than deliver returns, SIGINT and SIGTERM excepted. It is
	// called once, or again after Quiesce.
	Listen(sigs []os.Signal, deliver func(os.Signal))

	// Quiesce ends Listen, in preparation of Exec or the end: the signals in
	// ignore are ignored from now on, also by the next image until it listens
	// for them; the others get their default effect back. When it returns,
	// every signal that had arrived before the call has been delivered. It
	// waits for deliver, which must therefore not wait for the caller.
	Quiesce(ignore ...os.Signal)
}

// ErrNotRunning says that no living process has claimed a PID file.
var ErrNotRunning = errors.New("no daemon is running")

// ClaimedError says which living process has claimed a PID file.
type ClaimedError struct {
	// Path is the PID file.
	Path string

	// PID is the number in it; 0 if it could not be read.
	PID int
}

// Error names the file and the process.
func (e *ClaimedError) Error() string {
	owner := "a running process"
	if e.PID != 0 {
		owner = "the running process " + strconv.Itoa(e.PID)
	}
	return "PID file " + e.Path + " belongs to " + owner +
		"; stop that one first, or give this one a file of its own"
}
