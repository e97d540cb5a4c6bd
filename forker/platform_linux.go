package forker

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/reexec"
)

// childAttr gives a child a process group of its own, and a death with the
// thread that started it. Go's own child looks for its parent between the fork
// and the exec, so that a parent that dies in between leaves none.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// program returns the path of this process's own program: the very file,
// whatever its name now stands for, so that a daemon never starts a child of
// another version.
func program() string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err != nil {
		return reexec.System(nil).Info().Executable
	}
	return self
}

// changeParentDeath makes the parent's death send SIGHUP in place of SIGKILL.
// From here on SIGHUP, or the end of the pipe, tells a child that its parent has
// died, and it then kills its whole group, for which it must still live. What it executes in its
// own place has no handler and dies by SIGHUP. The setting is the calling
// thread's, which must be the main one.
//
// A child that outlives an exec of its parent gets no signal: an exec ends all
// threads but one, and so each time the one that the child counts as its parent,
// or the one of children of a program before. The pipe alone tells it.
func changeParentDeath(outlives bool) {
	sig := syscall.SIGHUP
	if outlives {
		sig = 0
	}
	if unix.Gettid() == os.Getpid() {
		_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(sig), 0, 0, 0)
	}
}

// limitMemory bounds this process's data segment. RLIMIT_AS would count what
// Go reserves.
func limitMemory(bytes int64) error {
	limit := unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
	return unix.Setrlimit(unix.RLIMIT_DATA, &limit)
}

// ownMemory returns the resident memory of this process in bytes that is not a
// file's, which RLIMIT_DATA counts but for what is shared; 0 without /proc.
func ownMemory() (sum int64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		var kB int64
		if name == "RssAnon" || name == "RssShmem" {
			_, _ = fmt.Sscan(rest, &kB)
		}
		sum += kB << 10
	}
	return sum
}

// watchEnd blocks until a child has ended and leaves it to be reaped.
func watchEnd(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// niceLevel reads what getpriority(2) returns: 20 less the nice level.
func niceLevel(raw int) int { return 20 - raw }

// Pipes hold so many bytes by default, and at most for an ordinary user.
const (
	defaultPipe = 64 << 10
	largestPipe = 1 << 20
)

// widen lets the pipe at descriptor fd hold more of so many bytes at once, where
// the kernel allows it, so that its two ends take fewer turns.
func widen(fd, bytes int) {
	if bytes > defaultPipe {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, min(bytes, largestPipe))
	}
}
