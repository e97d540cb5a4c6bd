package forker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/safefile"
)

const (
	// passingTries is how often a step is tried again that met something
	// passing, and passingPause the pause in between.
	passingTries = 100
	passingPause = time.Millisecond
)

// errClaimed says that somebody holds a PID file's flock.
var errClaimed = errors.New("it is in use")

// errMoving says that a PID file changed while we looked.
var errMoving = errors.New("it keeps changing hands; try again")

// passing marks an error that may be gone in a moment: another process is
// halfway through a claim, or looks.
type passing struct{ error }

// Unwrap is the error that remains when it does not pass.
func (p passing) Unwrap() error { return p.error }

// persist does something until its outcome is not merely passing.
func persist[T any](do func() (T, error)) (T, error) {
	for tries := passingTries; ; tries-- {
		value, err := do()
		var soon passing
		if !errors.As(err, &soon) {
			return value, err
		}
		if tries == 0 {
			return value, soon.error
		}
		time.Sleep(passingPause)
	}
}

// claim makes path a PID file of this process. Steps of one try:
//
//  1. Nothing is there: a new file is moved there, unless somebody was faster.
//  2. Something is there and its flock can be had: its claimant is dead. If the
//     path still leads to it, a new file is moved over it while we hold that
//     flock, so that of many claimants one gets this far.
//  3. The flock is held: by a living claimant, who is told about; by one that
//     is halfway through step 2, or by a Find that looks: then once more.
func claim(path string) (*os.File, error) {
	return persist(func() (*os.File, error) { return tryClaim(path) })
}

func tryClaim(path string) (*os.File, error) {
	old, err := openOwn(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		file, err := place(path, nil)
		if errors.Is(err, fs.ErrExist) {
			return nil, passing{errMoving}
		}
		return file, err
	}
	if err != nil {
		return nil, err
	}
	defer old.Close()
	err = flock(old, unix.LOCK_EX)
	switch {
	case errors.Is(err, errClaimed):
		return nil, whoseClaim(path, old)
	case err != nil:
		return nil, err
	case !sameFile(old, path):
		return nil, passing{errMoving}
	}
	return place(path, old)
}

// whoseClaim tells a living claim from a passing one.
func whoseClaim(path string, old *os.File) error {
	if flock(old, unix.LOCK_SH) == nil || !sameFile(old, path) {
		return passing{errMoving} // a Find had it, or it has been replaced
	}
	pid, err := readPID(old)
	if err != nil || syscall.Kill(pid, 0) == syscall.ESRCH {
		// A dead one's number under a living flock: it is being taken over.
		return passing{&ClaimedError{Path: path, PID: pid}}
	}
	return &ClaimedError{Path: path, PID: pid}
}

// place moves a new, flocked and filled PID file to path: over the dead claim
// over, whose flock the caller holds, or, where that is nil, to where there is
// nothing, else fs.ErrExist.
func place(path string, over *os.File) (*os.File, error) {
	const fresh = os.O_RDWR | os.O_CREATE | os.O_EXCL
	if over == nil {
		if err := safefile.Check(path, fresh); err != nil {
			return nil, unfit{err}
		}
	}
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:12])
	file, err := openOwn(name, fresh)
	if err != nil {
		return nil, err
	}
	err = flock(file, unix.LOCK_EX)
	if err == nil {
		err = writePID(file)
	}
	switch {
	case err != nil:
	case over == nil:
		err = moveNew(name, path)
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

// writePID makes file hold this process's number.
func writePID(file *os.File) error {
	line := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := file.WriteAt([]byte(line), 0); err != nil {
		return plain(err)
	}
	return plain(file.Truncate(int64(len(line))))
}

// linkNew gives from the name to and takes its old one away, unless to exists,
// which is fs.ErrExist.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return plain(err)
	}
	return plain(os.Remove(from))
}

// checkPlace tells whether a PID file could be at path.
func checkPlace(path string) error {
	if err := noLink(path); err != nil {
		return err
	}
	err := safefile.Check(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		err = safefile.Check(path, os.O_RDWR|os.O_CREATE)
	}
	if err != nil {
		return unfit{err}
	}
	folder := filepath.Dir(path) // where a dead claim's file is replaced
	if err := unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("folder %s: %w; let user %d write in it, or name another path", folder, err, os.Geteuid())
	}
	return nil
}

// unfit is an error that names the path and the remedy itself.
type unfit struct{ error }

// Unwrap is the cause.
func (u unfit) Unwrap() error { return u.error }

// wrapPath is wrap for what is done to path, which is named once.
func wrapPath(doing, path string, err error) error {
	var named unfit
	if errors.As(err, &named) {
		return wrap(doing, err)
	}
	return wrap(doing+" "+path, err)
}

// openOwn opens a file that this process may rely on.
func openOwn(path string, flag int) (*os.File, error) {
	if err := noLink(path); err != nil {
		return nil, err
	}
	file, err := safefile.Open(path, flag, 0o644)
	if err != nil {
		return nil, unfit{err}
	}
	return file, nil
}

// noLink refuses a symbolic link: a claim replaces what is at the path itself,
// and would leave the file that the link leads to as it is.
func noLink(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("it is a symbolic link; remove it, or name the file that it leads to: %w", syscall.ELOOP)
	}
	return nil
}

// plain takes off what os adds to an error and our own text says better.
func plain(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
