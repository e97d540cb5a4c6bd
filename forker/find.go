package forker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Find returns the living process that has claimed the PID file. The number in
// it proves nothing: the process that wrote it may have died, and its number may
// be another's by now. Only the claim, a flock that dies with its holder, does.
// A missing file, or a number that no living claim stands behind, matches
// ErrNotRunning.
func (m *Machine) Find(path string) (Process, error) {
	p, err := persist(func() (*process, error) { return find(path) })
	if err != nil {
		return nil, wrap("PID file "+path, err)
	}
	return p, nil
}

func find(path string) (*process, error) {
	f, err := openFound(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is none: %w", ErrNotRunning)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pid, err := readPID(f)
	if err != nil {
		return nil, err
	}
	// The handle first, the proof afterwards: what holds the claim then is
	// what the handle stands for.
	p, err := findProcess(pid)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return nil, fmt.Errorf("it names process %d, but the daemon that wrote it is gone "+
			"(the number may belong to another process now); nothing was signalled: %w", pid, ErrNotRunning)
	}
	if err != nil {
		return nil, passing{fmt.Errorf("it names process %d, which does not exist here, though the file is "+
			"in use; is its daemon in another container?", pid)}
	}
	if again, err := readPID(f); err != nil || again != pid || !sameFile(f, path) {
		p.close()
		return nil, passing{errMoving}
	}
	if holds, known := holdsFile(pid, f); known && !holds || !mayName(f, pid) {
		p.close()
		return nil, passing{fmt.Errorf("it names process %d, which is not the daemon that has claimed it; "+
			"nothing was signalled", pid)}
	}
	return p, nil
}

// mayName tells whether the owner of f may name process pid in it: root and we
// ourselves are trusted; anybody else can claim for processes of his own only.
func mayName(f *os.File, pid int) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner == 0 || int(owner) == os.Geteuid() {
		return true
	}
	user, known := userOf(pid)
	return !known || user == owner
}

// readPID reads the number in a PID file, which must hold that and no more.
func readPID(f *os.File) (int, error) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 64))
	if err != nil {
		return 0, err
	}
	if len(text) == 0 {
		return 0, errors.New("it is empty; if no daemon is running, remove it")
	}
	pid, err := strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("it holds %q instead of a process's number; is it the right file?", text)
	}
	return pid, nil
}

// openFound opens somebody's PID file to read. It may be another user's: root
// stops everybody's daemons.
func openFound(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.EMLINK): // as FreeBSD has it
		return nil, fmt.Errorf("it is a symbolic link; name the file that it leads to: %w", syscall.ELOOP)
	case err != nil:
		return nil, plain(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file; name another one")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sameFile tells whether path still leads to f.
func sameFile(f *os.File, path string) bool {
	there, err := os.Lstat(path)
	if err != nil {
		return false
	}
	here, err := f.Stat()
	return err == nil && os.SameFile(here, there)
}
