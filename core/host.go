package core

import (
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// Host is what a daemon needs of the machine that it runs on. Production's is
// RealHost; package daemontest has one of fakes. Its fields must not change
// while a daemon runs.
type Host struct {
	// Clock is all of time.
	Clock clockwork.Clock

	// Processes starts, replaces and finds processes.
	Processes forker.Processes

	// Answers carries answers to -s.
	Answers forker.Answers

	// Signals is how signals arrive.
	Signals forker.Signals

	// Files is where the log goes.
	Files Files

	// Supervisor is the program that started the daemon, if it is one that
	// wants to be told.
	Supervisor Supervisor

	// Stdout and Stderr are the standard streams.
	Stdout, Stderr io.Writer

	// Args is the command line without the program's own name.
	Args []string

	// Name is the machine's name.
	Name string

	// User tells the user that the process runs as. It is asked for a dump
	// only, because to look a name up can take time and memory.
	User func() string

	// Vitals is what the Go runtime tells of the process.
	Vitals func() Vitals

	// Exit ends the process. A fake one may return; nothing follows it.
	Exit func(code int)

	// Locker and Sender, where set, stand between the declared lock or mail
	// transport and its use, so that a harness can put its own in place. They
	// are nil in production.
	Locker func(lock.Locker) lock.Locker
	Sender func(mail.Sender) mail.Sender

	// Execute, where set, makes the Execute that is run of the one that is
	// declared. It is nil in production.
	Execute func(Func) Func

	// Checkpoint, where set, is called by the daemon's event goroutine each
	// time it wakes. It may block, as SIGSTOP does; false means that the
	// process has been killed, and the daemon returns without a further
	// effect. It is nil in production.
	Checkpoint func() bool

	// Observe, where set, is told what the daemon does. It must be quick and
	// safe for concurrent use, and must not call the daemon.
	Observe func(Observation)
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

// runtimeVitals stops the world for some microseconds.
func runtimeVitals() Vitals {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Vitals{Heap: m.HeapAlloc, Goroutines: runtime.NumGoroutine(), Go: runtime.Version()}
}

// Files is the part of a file system that a daemon needs for its log. It is
// safe for concurrent use.
type Files interface {
	// Append opens path for appending and creates it if need be, 0644 or
	// tighter. In a folder that others may write to it follows no symbolic
	// link and refuses what belongs to somebody else.
	Append(path string) (AppendFile, error)

	// Check tells whether Append would succeed, as far as can be told without
	// touching anything.
	Check(path string) error
}

// AppendFile is a file open for appending.
type AppendFile interface {
	io.WriteCloser

	// Moved reports whether the path that the file was opened under no longer
	// names it: it was renamed, replaced or deleted.
	Moved() bool
}

// Supervisor is a program that watches over the daemon, such as systemd.
type Supervisor interface {
	// Detected reports whether there is one.
	Detected() bool

	// Notify sends it a state in the form of sd_notify(3), such as READY=1;
	// RELOADING=1 gets its MONOTONIC_USEC added. It does nothing where nobody
	// asked to be notified.
	Notify(state string) error
}

// RealHost is the machine itself. Its process-wide parts (signals, the birth
// that forker found in the environment) exist once, so one daemon at a time
// can run on it.
func RealHost() Host {
	system := forker.System()
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	return Host{
		Clock:      clockwork.Real(),
		Processes:  system,
		Answers:    forker.SocketAnswers{},
		Signals:    system,
		Files:      diskFiles{},
		Supervisor: newSystemd(),
		Stdout:     os.Stdout,
		Stderr:     os.Stderr,
		Args:       os.Args[1:],
		Name:       name,
		User:       currentUser,
		Vitals:     runtimeVitals,
		Exit:       os.Exit,
	}
}

// currentUser prefers the name over the number, but a static binary, or a
// container without a passwd file, has only the latter.
func currentUser() string {
	u, err := user.Current()
	if err != nil {
		return os.Getenv("USER")
	}
	return u.Username
}

// systemd speaks sd_notify(3). It is detected by NOTIFY_SOCKET, or by
// SYSTEMD_EXEC_PID where the unit is of a type that wants no notification.
// INVOCATION_ID would not do: a terminal under a user's systemd hands it to
// everything that is started there.
type systemd struct{ detected bool }

func newSystemd() systemd {
	return systemd{os.Getenv("NOTIFY_SOCKET") != "" ||
		os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid())}
}

func (s systemd) Detected() bool { return s.detected }

func (s systemd) Notify(state string) error {
	if state == daemon.SdNotifyReloading {
		state += "\n" + daemon.SdNotifyMonotonicUsec()
	}
	_, err := daemon.SdNotify(false, state)
	return err
}

// RuntimePath is a path for name that works for any user on a machine that
// nobody has prepared: in the user's run-time folder where there is one, else
// in the folder for temporary files, with the user's number in front. A daemon
// that is installed in earnest should rather say where its files are.
func RuntimePath(name string) string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, name)
		}
	}
	return filepath.Join(os.TempDir(), strconv.Itoa(os.Getuid())+"-"+name)
}
