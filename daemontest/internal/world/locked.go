package world

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// lockedFile is a file that a generation keeps locked by flock(2).
type lockedFile interface {
	// file returns the open file; nil when it is locked no more.
	file() *os.File
}

// lockedFiles are the descriptors of a generation that matter to others. When
// its process dies they are unlocked, as the kernel does, and then closed:
// closing alone would not do while the test binary starts a process at that
// instant, which has them, too. It is safe for concurrent use.
type lockedFiles struct {
	mu        sync.Mutex // held for instants only
	open      []lockedFile
	logs      []io.Closer
	passed    []int // duplicates for the next program
	inherited []int // those of the program before that nobody has taken over yet
}

func (l *lockedFiles) add(f lockedFile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, f)
}

// unlock unlocks and closes one of them, unless its process has died meanwhile.
func (l *lockedFiles) unlock(file *os.File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	is := func(f lockedFile) bool { return f.file() == file }
	if !slices.ContainsFunc(l.open, is) {
		return
	}
	l.open = slices.DeleteFunc(l.open, is)
	_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
	_ = file.Close()
}

// pass duplicates the descriptor in a handoff, as an exec would keep it, and
// returns the handoff of the duplicate.
func (l *lockedFiles) pass(handoff string, file *os.File) (string, error) {
	if file == nil {
		return handoff, nil
	}
	fd := int(file.Fd())
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed = append(l.passed, duplicate)
	return strings.Replace(handoff, "fd:"+strconv.Itoa(fd), "fd:"+strconv.Itoa(duplicate), 1), nil
}

// opened and closed say which log files are open.
func (l *lockedFiles) opened(log io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs = append(l.logs, log)
}

func (l *lockedFiles) closed(log io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs = slices.DeleteFunc(l.logs, func(other io.Closer) bool { return other == log })
}

// closeLogs closes the log files; l.mu is held.
func (l *lockedFiles) closeLogs() {
	for _, log := range l.logs {
		_ = log.Close()
	}
	l.logs = nil
}

// take forgets an inherited descriptor, because it has an owner now.
func (l *lockedFiles) take(handoff string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inherited = slices.DeleteFunc(l.inherited, func(fd int) bool {
		rest, ok := strings.CutPrefix(handoff, "fd:"+strconv.Itoa(fd))
		return ok && (rest == "" || rest[0] == ',')
	})
}

// exec leaves only what is passed on, to next.
func (l *lockedFiles) exec(next *lockedFiles) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.open {
		if file := f.file(); file != nil {
			_ = file.Close()
		}
	}
	l.closeLogs()
	next.inherited = append(l.inherited, l.passed...)
	l.open, l.passed, l.inherited = nil, nil, nil
}

// discard closes what was to be passed on, when there is no exec.
func (l *lockedFiles) discard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fd := range l.passed {
		_ = unix.Close(fd)
	}
	l.passed = nil
}

// end unlocks and closes everything.
func (l *lockedFiles) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.open {
		if file := f.file(); file != nil {
			_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
			_ = file.Close()
		}
	}
	l.closeLogs()
	for _, fd := range append(l.passed, l.inherited...) {
		_ = unix.Flock(fd, unix.LOCK_UN)
		_ = unix.Close(fd)
	}
	l.open, l.passed, l.inherited = nil, nil, nil
}

// has reports whether one of them is that very file.
func (l *lockedFiles) has(file *os.File) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := append(slices.Clone(l.passed), l.inherited...)
	for _, f := range l.open {
		if open := f.file(); open != nil {
			all = append(all, int(open.Fd()))
		}
	}
	var here, there unix.Stat_t
	if unix.Fstat(int(file.Fd()), &there) != nil {
		return false
	}
	return slices.ContainsFunc(all, func(fd int) bool {
		return unix.Fstat(fd, &here) == nil && here.Dev == there.Dev && here.Ino == there.Ino
	})
}
