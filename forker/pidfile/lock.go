package pidfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/safefile"
)

// tryLock makes path a PID file of this process:
//
//  1. Nothing is there: a new file is moved there, unless another process was
//     faster.
//  2. Something is there and its flock can be had: its owner is dead. If the
//     path still leads to it, and it holds a number or nothing, a new file is
//     moved over it while we hold that flock, so that of many processes one
//     gets this far.
//  3. The flock is held: by a living process, which the error names; or by one
//     that is at step 2, or by a Find that looks: then it is tried again.
func (m Machine) tryLock(path string) (*lockedFile, error) {
	old, err := openOwn(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		file, err := install(path, m.PID, nil)
		if errors.Is(err, fs.ErrExist) {
			err = temporary{errChanging}
		}
		return m.newLockedFile(path, file, 0, err)
	}
	if err != nil {
		return nil, err
	}
	defer old.Close()
	err = flock(old, unix.LOCK_EX)
	switch {
	case errors.Is(err, errLocked):
		return nil, m.lockedBy(path, old)
	case err != nil:
		return nil, err
	case !isAt(old, path):
		return nil, temporary{errChanging}
	}
	if err := checkContent(old); err != nil {
		return nil, err
	}
	former, _ := readPID(old)
	file, err := install(path, m.PID, old)
	return m.newLockedFile(path, file, former, err)
}

func (m Machine) newLockedFile(path string, file *os.File, former int, err error) (*lockedFile, error) {
	if err != nil {
		return nil, err
	}
	return &lockedFile{path: path, pid: m.PID, former: former, file: file}, nil
}

// discard removes a dead process's file while we hold its flock, as tryLock
// replaces one.
func discard(path string, pid int) (bool, error) {
	old, err := openOwn(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer old.Close()
	switch err := flock(old, unix.LOCK_EX); {
	case errors.Is(err, errLocked):
		return false, nil
	case err != nil:
		return false, err
	}
	if in, err := readPID(old); err != nil || in != pid || !isAt(old, path) {
		return false, nil
	}
	return true, plain(os.Remove(path))
}

// lockedBy tells a living owner from a temporary lock.
func (m Machine) lockedBy(path string, old *os.File) error {
	if flock(old, unix.LOCK_SH) == nil || !isAt(old, path) {
		return temporary{errChanging} // a Find had it, or it has been replaced
	}
	pid, err := readPID(old)
	if err != nil || !m.has(pid) {
		// A dead process's number under a living flock: it is being taken over.
		return temporary{&LockedError{Path: path, PID: pid}}
	}
	return &LockedError{Path: path, PID: pid}
}

// install moves a new PID file, flocked and with the number, to path: over a dead
// process's file, whose flock the caller holds, or, where that is nil, to where
// there is nothing, else fs.ErrExist.
func install(path string, pid int, over *os.File) (*os.File, error) {
	if over == nil {
		if err := safefile.Check(path, createNew); err != nil {
			return nil, explained{err}
		}
	}
	name, file, err := createBeside(path, pid)
	if err != nil {
		return nil, err
	}
	err = flock(file, unix.LOCK_EX)
	if err == nil {
		err = writePID(file, pid)
	}
	switch {
	case err != nil:
	case over == nil:
		err = renameNew(name, path)
	default:
		err = os.Rename(name, path)
	}
	if err != nil {
		_ = os.Remove(name)
		file.Close()
		return nil, plain(err)
	}
	return file, nil
}

const (
	createNew = os.O_RDWR | os.O_CREATE | os.O_EXCL

	// maxNames is how many names are tried for a new file. A name is taken
	// while another goroutine locks, or where a process was killed meanwhile.
	maxNames = 10_000
)

// createBeside creates a file in path's folder, under a name that was free.
func createBeside(path string, pid int) (name string, file *os.File, err error) {
	prefix := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strconv.Itoa(pid)+".")
	for n := range maxNames {
		name = prefix + strconv.Itoa(n)
		file, err = openOwn(name, createNew)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return name, file, err
}

// linkNew renames from to to, unless to exists, which is fs.ErrExist.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return plain(err)
	}
	return plain(os.Remove(from))
}
