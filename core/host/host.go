package host

import (
	"io"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/pidfile"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// Host is what a daemon needs of its machine. Its fields must not change while
// a daemon runs; every interface in it is safe for concurrent use.
type Host struct {
	// Clock is all of time.
	Clock clockwork.Clock

	// Process says what this process is: its number, its program, and how it
	// came to be.
	Process reexec.Info

	// Starter starts other processes: the detached daemon, and the trial of
	// the next program.
	Starter reexec.Starter

	// Self is what a daemon does with its own process.
	Self reexec.Self

	// Children starts the children that tasks are forked for. Nil starts none.
	Children forker.Processes

	// Init starts the program again, with these arguments, and stays as the init
	// of a container; it returns the program's exit status. Nil where no process
	// is PID 1. See reexec.OS.
	Init func(args []string) (code int, err error)

	// PIDFiles locks and finds PID files.
	PIDFiles pidfile.Files

	// Replies carries replies to -s.
	Replies pidfile.Replies

	// Signals is how signals arrive.
	Signals signals.Listener

	// Files is where the log goes.
	Files logfile.Files

	// CrashTo lets what the Go runtime prints at a crash reach a file, and with
	// stderr all of standard error: see reexec.OS. Nil is one that cannot.
	CrashTo func(path string, stderr bool) error

	// Spool is the disk where the spool of alert mail is. Nil is the machine's
	// own.
	Spool mail.Disk

	// Supervisor is the program that started the daemon, if it is one that
	// wants to be told.
	Supervisor Supervisor

	// Stdout and Stderr are the standard streams.
	Stdout, Stderr io.Writer

	// Args is the command line without the program's own name.
	Args []string

	// Records is where small files are kept whole.
	Records Records

	// LookupEnv returns a variable of the environment, as os.LookupEnv does. Nil
	// stands for an environment without variables.
	LookupEnv func(name string) (value string, ok bool)

	// Name is the machine's name.
	Name string

	// StartOf returns what identifies a process of this machine among all that
	// have its number; empty where that cannot be told. os.ErrProcessDone says
	// that there is no such process. Nil is one that can never tell.
	StartOf func(pid int) (start string, err error)

	// User returns the user that the process runs as. It is asked for a dump
	// only, because to look a name up can take time and memory.
	User func() string

	// Vitals returns what the kernel and the Go runtime tell of the process.
	Vitals func() Vitals

	// Resident returns the resident memory of the process in bytes, now and at
	// its peak; 0 for what the platform cannot tell. It is quick.
	Resident func() (now, peak uint64)

	// OOMKills returns the control group of the process, and how many processes of it
	// the kernel has killed for want of memory; an empty name where that cannot be
	// told. Nil is one that can never tell.
	OOMKills func() (cgroup string, kills int64)

	// Terminal reports whether the process has a controlling terminal. Nil means
	// that it has none.
	Terminal func() bool

	// Exit ends the process. A fake one may return; nothing follows it.
	Exit func(code int)

	// Hooks are for tests. The zero value means none.
	Hooks Hooks
}

// Vitals is what the Go runtime tells of a process, for the dump.
type Vitals struct {
	// Heap is the memory in use by objects, in bytes.
	Heap uint64

	// Goroutines is how many there are.
	Goroutines int

	// Go is the version of Go that built the program.
	Go string
}

// Supervisor is a program that watches over the daemon, such as systemd.
type Supervisor interface {
	// Detected reports whether there is one.
	Detected() bool

	// Watchdog returns within which time it wants to be told WATCHDOG=1 again and
	// again; 0 where it does not.
	Watchdog() time.Duration

	// Notify sends it a state in the form of sd_notify(3), such as READY=1;
	// RELOADING=1 gets its MONOTONIC_USEC added. It does nothing where nobody
	// asked to be notified. It waits for a moment at most, and not at all with a
	// STATUS= alone, which is an error then.
	Notify(state string) error
}
