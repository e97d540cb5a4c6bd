package pidfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockedFile is a PID file that this process has locked. Its life:
//
//  1. A file beside the path is created under a name that is free, flocked, and
//     filled with the number.
//  2. It is moved to the path: over a dead process's file, whose flock we hold
//     at that moment, or to where nothing was. So the path never leads to a
//     file that is empty or unlocked.
//  3. The flock is kept until Remove or the end of the process. A program that
//     takes this one's place keeps the descriptor and thus the flock.
type lockedFile struct {
	path   string
	pid    int // this process
	former int // the dead process whose file it was; else 0

	mu   sync.Mutex
	file *os.File // nil after Remove
}

var _ File = (*lockedFile)(nil)

// handoffPrefix stands before the descriptor's number in a handoff.
const handoffPrefix = "fd:"

func (m Machine) inherit(path, handoff string) (*lockedFile, error) {
	number, found := strings.CutPrefix(handoff, handoffPrefix)
	fd, err := strconv.Atoi(number)
	if !found || err != nil || fd <= 2 {
		return nil, fmt.Errorf("%q is no handoff of a PID file", handoff)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("descriptor %d is no file", fd)
	}
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), path)
	if err := flock(file, unix.LOCK_EX); err != nil { // held already, unless the handoff is another's
		file.Close()
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return &lockedFile{path: path, pid: m.PID, file: file}, nil
}

// Former returns the number of the dead process whose file has been taken over.
func (l *lockedFile) Former() int { return l.former }

// Restore writes the file again where somebody removed or changed it.
func (l *lockedFile) Restore() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	restored, err := l.restore()
	return restored, wrap("restore", l.path, err)
}

func (l *lockedFile) restore() (bool, error) {
	if l.file == nil {
		return false, errRemoved
	}
	_, err := os.Lstat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		file, err := install(l.path, l.pid, nil)
		if errors.Is(err, fs.ErrExist) {
			return false, errReplaced
		}
		if err != nil {
			return false, err
		}
		l.file.Close()
		l.file = file
		return true, nil
	case err != nil:
		return false, plain(err)
	case !isAt(l.file, l.path):
		return false, errReplaced
	}
	if pid, err := readPID(l.file); err == nil && pid == l.pid {
		return false, nil
	}
	return true, writePID(l.file, l.pid)
}

// Handoff prepares the lock for the next program of this process.
func (l *lockedFile) Handoff() (string, *os.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return "", nil, wrap("hand off", l.path, errRemoved)
	}
	return handoffPrefix + strconv.Itoa(int(l.file.Fd())), l.file, nil
}

// Remove deletes the file, if it is still ours, and gives up the lock.
func (l *lockedFile) Remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	var err error
	if isAt(l.file, l.path) {
		err = plain(os.Remove(l.path))
	}
	l.file.Close()
	l.file = nil
	return wrap("remove", l.path, err)
}

// flock takes a lock on file, if it can be had at once.
func flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		}
		return fmt.Errorf("this filesystem does not lock (%w); use a local one, such as /run", err)
	}
}

// isAt reports whether path still leads to file.
func isAt(file *os.File, path string) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	here, err := file.Stat()
	return err == nil && os.SameFile(here, there)
}

// writePID makes file hold a process's number.
func writePID(file *os.File, pid int) error {
	line := strconv.Itoa(pid) + "\n"
	if _, err := file.WriteAt([]byte(line), 0); err != nil {
		return plain(err)
	}
	return plain(file.Truncate(int64(len(line))))
}

// readPID returns the number in a PID file, which must hold that and no more.
func readPID(file *os.File) (int, error) {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 64))
	if err != nil {
		return 0, err
	}
	if len(text) == 0 {
		return 0, errEmpty
	}
	pid, err := strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
	if err != nil || pid <= 0 {
		return 0, foreignError{text}
	}
	return pid, nil
}

// checkContent refuses to replace what is no PID file. A crash can leave an
// empty one.
func checkContent(file *os.File) error {
	_, err := readPID(file)
	var foreign foreignError
	switch {
	case errors.As(err, &foreign):
		return errForeign
	case errors.Is(err, errEmpty):
		return nil
	}
	return plain(err)
}
