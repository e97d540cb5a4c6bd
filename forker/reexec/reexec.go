package reexec

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Kind says how this process came to be.
type Kind int

const (
	// Fresh is a process that was started by a shell, a supervisor or cron.
	Fresh Kind = iota

	// Detached is a process that Launch started: it runs in a session of its
	// own, and its launcher waits for its Report.
	Detached

	// Restarted is the next program of a process that called Exec.
	Restarted

	// Trial is a process that Try started: it checks whether it could run,
	// touches nothing, and reports.
	Trial

	// Respawned is a program that the watcher of a dead process has executed in
	// its own place: see Self.Watch.
	Respawned
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	return [...]string{"fresh", "detached", "restarted", "trial", "respawned"}[k]
}

// Origin is what this process was told by the program that started it.
type Origin struct {
	// Kind is how the process came to be.
	Kind Kind

	// Dir is the folder in which the command was typed: the one that relative
	// paths mean, whatever the working directory is now. It is empty where that
	// has been deleted, or may not be read.
	Dir string

	// State is what was handed over in Program.State; nil for a Fresh process.
	State []byte

	// Trouble says of a Respawned process what kept its watcher from executing the
	// program at once, and for how long; empty for nothing.
	Trouble string
}

// Info is what this process is. It never changes.
type Info struct {
	// PID is this process's number.
	PID int

	// Executable is the absolute path of this process's program, as it was
	// typed or found in $PATH, resolved once at the start, so that a rename
	// does not change it. A symbolic link on the way is kept, so that a restart
	// follows where it then points: that is how upgrades are often switched.
	Executable string

	// Origin is how this process came to be.
	Origin Origin
}

// Program is what is to be started, or to take this process's place.
type Program struct {
	// Path is the program's file; absolute.
	Path string

	// Args are its arguments, without the program's own name.
	Args []string

	// Dir is the folder in which the command was typed (Origin.Dir). The
	// program starts in it, or in / where it no longer exists.
	Dir string

	// State reaches the program as its Origin.State.
	State []byte

	// Files stay open across Exec under the same descriptors. Launch and Try
	// ignore them.
	Files []*os.File

	// Version is what Starter.Version said of Path when it was tried: Exec
	// refuses any other file with ErrChanged. Empty means any. Launch and Try
	// ignore it.
	Version string
}

// ErrRefused says that the program itself has found out, in a trial, that it would
// not start.
var ErrRefused = errors.New("it would not start")

// ErrNoResources says that this machine, or the limits of this process, have no room
// for another process or its descriptors: nothing is known of the program.
var ErrNoResources = errors.New("no room for a trial")

// ErrChanged says that another program is at the path than the one that was tried.
var ErrChanged = errors.New("the file has changed since it was tried")

// Report is how a start went, as the started process itself reports it.
type Report struct {
	// PID is the process that reports; Self.Report fills it in.
	PID int

	// Code is the exit status that the process is about to end with; 0 for
	// one that goes on.
	Code int

	// Running says that the process has started and goes on.
	Running bool

	// Message is for people: the errors, or what happened. It may be empty.
	Message string
}

// Starter starts programs that report. It is safe for concurrent use.
type Starter interface {
	// Launch starts p in a session of its own, with its standard input and
	// output on /dev/null, and blocks until it has reported, or has ended
	// without a report, which is an error that holds what it left on its
	// standard error. The process goes on when ctx ends.
	Launch(ctx context.Context, p Program) (Report, error)

	// Try starts p in a child that checks whether it could run, and blocks
	// until that has ended. A nil error means that it reported Running. The
	// child and all that it started are killed when ctx ends.
	Try(ctx context.Context, p Program) error

	// Version returns what identifies the file at path: another one in its
	// place, and the same one with another content, have another. It is empty
	// where there is none. It looks, and does not wait for anybody.
	Version(path string) string
}

// Self is what this process does with itself. It is safe for concurrent use,
// except where a method says otherwise.
type Self interface {
	// Report tells the process that waits in Launch or Try how the start went;
	// where none waits it does nothing. A Detached process that reports
	// Running loses its standard error with it. Only the first
	// Report counts.
	Report(r Report) error

	// Settle turns a detached process into a proper daemon, as daemon(7)
	// asks: working directory /, umask 022. Call it when no relative path is
	// needed any more.
	Settle() error

	// Exec replaces this process's program by p: same PID, same parent. It
	// returns only when that fails, and then everything is as it was. (A fake
	// one returns nil when the program has been replaced: the caller must then
	// return without a further effect.) Call Quiesce of package signals first,
	// and let no other goroutine use the working directory meanwhile.
	Exec(p Program) error

	// Watch starts a watcher of this process, which shows itself as name in the
	// list of processes. Where this process ends in any other way than after
	// Unwatch, the watcher executes p in its own place. A watcher that the program
	// before has started goes on, and is told p.State. It blocks as long as the
	// start of a process does.
	Watch(p Program, name string) (Watching, error)

	// Unwatch kills the watcher, if there is one, and lets none be started any
	// more. It does not block.
	Unwatch()
}

// wrap adds what was being done. The errors are for administrators, whom a
// package's name says nothing.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
