package forker

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Machine is the operating system that this process runs on: the real
// [Processes] and the real [Signals]. It is safe for concurrent use, except
// where a method says otherwise.
type Machine struct {
	executable string
	birth      Birth
	herald     herald
	ears       ears
}

var (
	_ Processes = (*Machine)(nil)
	_ Signals   = (*Machine)(nil)
)

// System returns this process's Machine; always the same one. The first call
// notes the program's path and the working directory: it belongs at the start
// of main, before anything changes the latter.
func System() *Machine { return system() }

var system = sync.OnceValue(func() *Machine {
	m := &Machine{executable: program(), birth: inherited.birth}
	m.herald.adopt(inherited)
	m.ears.adopt(inherited)
	if m.birth.Kind == Fresh {
		m.birth.Dir, _ = os.Getwd() // without one, relative paths mean nothing anyway
	}
	return m
})

// PID is this process's number.
func (m *Machine) PID() int { return os.Getpid() }

// Executable is the absolute path of this process's program, as it was typed
// or found in $PATH. A symbolic link on the way is kept, so that a restart
// follows where it then points: that is how upgrades are often switched.
func (m *Machine) Executable() string { return m.executable }

// Birth says how this process came to be. It never changes.
func (m *Machine) Birth() Birth { return m.birth }

// Settle changes the working directory to / and sets the umask to 022, as
// daemon(7) asks, whatever the process's birth was: the caller knows whether
// it is a daemon's. A session and standard streams of its own are what Launch
// has given it already.
func (m *Machine) Settle() error {
	syscall.Umask(0o022)
	return wrap("settle", os.Chdir("/"))
}

// Resident is this process's resident memory in bytes, now and at its peak; 0
// for what the platform cannot tell.
func (m *Machine) Resident() (now, peak uint64) { return resident() }

// program is the path under which this process's program was started, or,
// where that cannot be told, the path of the file that it was.
func program() string {
	actual, actualErr := os.Executable()
	if len(os.Args) == 0 {
		return actual
	}
	typed, err := exec.LookPath(os.Args[0])
	if err == nil {
		typed, err = filepath.Abs(typed)
	}
	switch {
	case actualErr != nil && err == nil:
		return typed
	case err != nil || !sameProgram(typed, actual):
		return actual
	}
	return typed
}

// sameProgram tells whether two paths lead to one file.
func sameProgram(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// startDir is dir, or / where nobody can work in dir any more.
func startDir(dir string) string {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || unix.Access(dir, unix.X_OK) != nil {
		return "/"
	}
	return dir
}

// peakUsage is the most resident memory that this process has had, in the
// kernel's own unit.
func peakUsage() uint64 {
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return uint64(usage.Maxrss)
}
