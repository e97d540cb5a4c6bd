package reexec

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/clockwork"
)

// OS is the real [Starter] and [Self]. It is safe for concurrent use, except
// where a method says otherwise.
type OS struct {
	clock clockwork.Clock
	self  *self
}

var (
	_ Starter = (*OS)(nil)
	_ Self    = (*OS)(nil)
)

// self is this process, however many OS values there are.
type self struct {
	info     Info
	reporter reporter
	spare    spare
}

// System returns the operating system that this process runs on. Its first call
// notes the program's path and the working directory: it belongs at the start
// of main, before anything changes the latter. The clock is for the time-outs
// of Launch; nil means the real one.
func System(clock clockwork.Clock) *OS {
	if clock == nil {
		clock = clockwork.Real()
	}
	return &OS{clock, thisProcess()}
}

var thisProcess = sync.OnceValue(func() *self {
	p := &self{
		info: Info{PID: os.Getpid(), Executable: executable(), Origin: inherited.origin},
		reporter: reporter{
			detached: inherited.detached, pipe: inherited.report, brokenPipes: inherited.brokenPipes,
		},
	}
	if inherited.program != "" {
		p.info.Executable = inherited.program
	}
	if p.info.Origin.Kind == Fresh {
		p.info.Origin.Dir, _ = os.Getwd() // without one, relative paths mean nothing anyway
	}
	return p
})

// Info returns what this process is.
func (o *OS) Info() Info { return o.self.info }

// Settle changes the working directory to / and sets the umask to 022, as
// daemon(7) asks, whatever the process's origin is. A session and standard
// streams of its own are what Launch has given it already.
func (*OS) Settle() error {
	syscall.Umask(0o022)
	return wrap("settle", os.Chdir("/"))
}

// executable returns the path under which this process's program was started,
// or, where that cannot be told, the path of the file that it was.
func executable() string {
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
	case err != nil || !sameFile(typed, actual):
		return actual
	}
	return typed
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// startDir returns dir, or / where nobody can work in dir any more.
func startDir(dir string) string {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || unix.Access(dir, unix.X_OK) != nil {
		return "/"
	}
	return dir
}
