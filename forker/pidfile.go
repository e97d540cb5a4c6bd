package forker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// pidFile is a PID file that this process has claimed. Its life:
//
//  1. A file beside the path is created under a random name, flocked, and
//     filled with the number.
//  2. It is moved to the path: over a dead claim, whose flock we hold at that
//     moment, or to where nothing was. So the path never leads to a file that
//     is empty or unclaimed.
//  3. The flock is kept until Remove or the end of the process. An image that
//     takes this one's place keeps the descriptor and thus the flock.
type pidFile struct {
	path string

	mu   sync.Mutex
	file *os.File // nil after Remove
}

var _ PIDFile = (*pidFile)(nil)

// ClaimPID writes this process's number and a newline to path, with mode 0644
// less the umask: at once and whole, or not at all. It is refused with a
// *ClaimedError while another living process, or this one, has claimed the
// file. A file that a dead process left is taken over, whatever it holds. Of
// several processes that claim at once, one wins. A relative path is resolved
// against the working directory of this moment.
func (m *Machine) ClaimPID(path string) (PIDFile, error) {
	const doing = "claim PID file"
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, wrap(doing, err)
	}
	file, err := claim(path)
	var claimed *ClaimedError
	switch {
	case errors.As(err, &claimed):
		return nil, fmt.Errorf("forker: %w", err)
	case err != nil:
		return nil, wrapPath(doing, path, err)
	}
	return &pidFile{path: path, file: file}, nil
}

// AdoptPID takes up the claim that this process's previous image passed on. The
// flock has been held all the time.
func (m *Machine) AdoptPID(path, baton string) (PIDFile, error) {
	doing := "take over PID file " + path
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, wrap(doing, err)
	}
	file, err := adopt(path, baton)
	if err != nil {
		return nil, wrap(doing, err)
	}
	return &pidFile{path: path, file: file}, nil
}

func adopt(path, baton string) (*os.File, error) {
	number, found := strings.CutPrefix(baton, "fd:")
	fd, err := strconv.Atoi(number)
	if !found || err != nil || fd <= 2 {
		return nil, fmt.Errorf("%q is no baton of a PID file", baton)
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
	if err := flock(file, unix.LOCK_EX); err != nil { // held already, unless the baton is another's
		file.Close()
		return nil, fmt.Errorf("descriptor %d: %w", fd, err)
	}
	return file, nil
}

// CheckPID tells whether path could be claimed, as far as can be told without
// touching anything. Whether somebody has claimed it is no matter.
func (m *Machine) CheckPID(path string) error {
	return wrapPath("PID file", path, checkPlace(path))
}

// Restore writes the file again where somebody removed or changed it, and
// reports whether it had to. A file that somebody put in its place is left
// alone and is an error, and so is a Restore after Remove.
func (p *pidFile) Restore() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	restored, err := p.restore()
	return restored, wrapPath("restore PID file", p.path, err)
}

func (p *pidFile) restore() (bool, error) {
	if p.file == nil {
		return false, errors.New("it has been removed by Remove")
	}
	_, err := os.Lstat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fresh, err := place(p.path, nil)
		if errors.Is(err, fs.ErrExist) {
			return false, errReplaced
		}
		if err != nil {
			return false, err
		}
		p.file.Close()
		p.file = fresh
		return true, nil
	case err != nil:
		return false, plain(err)
	case !sameFile(p.file, p.path):
		return false, errReplaced
	}
	if pid, err := readPID(p.file); err == nil && pid == os.Getpid() {
		return false, nil
	}
	return true, writePID(p.file)
}

var errReplaced = errors.New("somebody has put another file in its place, which is left alone; " +
	"remove that one, or restart this daemon with a PID file of its own")

// Baton prepares the claim for the next image of this process.
func (p *pidFile) Baton() (string, *os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return "", nil, wrap("pass on PID file "+p.path, errors.New("it has been removed by Remove"))
	}
	return "fd:" + strconv.Itoa(int(p.file.Fd())), p.file, nil
}

// Remove deletes the file, if it is still ours, and ends the claim. A second
// Remove does nothing.
func (p *pidFile) Remove() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	var err error
	if sameFile(p.file, p.path) {
		err = plain(os.Remove(p.path))
	}
	p.file.Close()
	p.file = nil
	return wrap("remove PID file "+p.path, err)
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
			return errClaimed
		}
		return fmt.Errorf("this filesystem does not lock (%w); use a local one, such as /run", err)
	}
}
