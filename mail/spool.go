package mail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// The names of a spool's files: one mail, one that is being written, what cannot
// be read, what is locked while a process uses the folder, and what is known of
// the kinds of alerts.
const (
	mailSuffix = ".mail"
	newSuffix  = ".new"
	badSuffix  = ".bad"
	lockName   = "lock"
	groupsName = "groups"
)

// maxNames is how many names of a spool are looked at.
const maxNames = 20_000

// errInUse says that another process has the spool.
var errInUse = errors.New("another process uses it")

// Disk is the disk as a spool reaches it. A harness has one of its own. It is
// safe for concurrent use.
type Disk interface {
	// Folder returns the real path of a spool's folder.
	Folder(dir string) string

	// Permit returns why the disk cannot be changed at path at present; n is how
	// many bytes would be written.
	Permit(path string, n int) error

	// Locked is told the file that is locked by flock(2) from now on.
	Locked(lock *os.File)

	// Unlock closes that file.
	Unlock(lock *os.File)

	// BeforeLog is called before something about the spool is logged. It may
	// block, so that the line has its place among others.
	BeforeLog()
}

// machineDisk is the machine's own.
type machineDisk struct{}

func (machineDisk) Folder(dir string) string { return dir }
func (machineDisk) Permit(string, int) error { return nil }
func (machineDisk) Locked(*os.File)          {}
func (machineDisk) Unlock(lock *os.File)     { _ = lock.Close() }
func (machineDisk) BeforeLog()               {}

// spool is a folder with one file for each mail. A file appears at once and
// whole. One goroutine at a time uses it.
type spool struct {
	dir  string
	disk Disk
	root *os.Root // nil until the folder is open
	lock *os.File
}

// open opens the folder, which must be private, and locks it against every other
// process. Where there is none it makes one, or returns fs.ErrNotExist.
func (s *spool) open(create bool) error {
	if s.root != nil {
		return nil
	}
	dir := s.disk.Folder(s.dir)
	if create {
		if err := s.create(dir); err != nil {
			return err
		}
	}
	link, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if err := s.private(link); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	lock, err := s.take(root, dir)
	if err != nil {
		_ = root.Close()
		return err
	}
	s.root, s.lock = root, lock
	return nil
}

// check returns why the folder could not be used, as far as can be told without
// touching anything; that another process has it is no reason.
func (s *spool) check() error {
	dir := s.disk.Folder(s.dir)
	link, err := os.Lstat(dir)
	var at string
	switch {
	case errors.Is(err, fs.ErrNotExist): // it is made for the first mail
		at = filepath.Dir(dir)
	case err != nil:
		return err
	default:
		if err := s.private(link); err != nil {
			return err
		}
		if at, err = filepath.EvalSymlinks(dir); err != nil {
			return err
		}
	}
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	case link != nil:
		if err := s.private(info); err != nil {
			return err
		}
	}
	if err := s.disk.Permit(dir, 0); err != nil {
		return err
	}
	if err := syscall.Access(at, wOK|xOK); err != nil {
		return &fs.PathError{Op: "write to", Path: at, Err: err}
	}
	return nil
}

// The modes of access(2).
const (
	wOK = 2
	xOK = 1
)

// close frees the folder for other processes.
func (s *spool) close() {
	if s.root == nil {
		return
	}
	s.disk.Unlock(s.lock)
	_ = s.root.Close()
	s.root = nil
}

// create makes the folder, but none above it.
func (s *spool) create(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := s.disk.Permit(dir, 0); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) // whatever the umask is
}

// take locks the folder.
func (s *spool) take(root *os.Root, dir string) (*os.File, error) {
	info, err := root.Stat(".")
	if err != nil {
		return nil, err
	}
	if err := s.private(info); err != nil { // it may be another one by now, or a link led here
		return nil, err
	}
	if err := s.disk.Permit(filepath.Join(dir, lockName), 0); err != nil {
		return nil, err
	}
	lock, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errInUse
		}
		return nil, err
	}
	s.disk.Locked(lock)
	return lock, nil
}

// private returns an error where somebody else could put files into the folder,
// or exchange it.
func (s *spool) private(info fs.FileInfo) error {
	owner, ok := info.Sys().(*syscall.Stat_t)
	ours := ok && (owner.Uid == 0 || int(owner.Uid) == os.Geteuid())
	switch link := info.Mode()&fs.ModeSymlink != 0; {
	case !info.IsDir() && !link:
		return errors.New("it is no folder: remove it or name another one")
	case !ours:
		return fmt.Errorf("it belongs to user %d and not to us, user %d: name another folder", owner.Uid, os.Geteuid())
	case !link && info.Mode().Perm()&0o022 != 0:
		return errors.New("others may write to it: chmod go-w, or name another folder")
	}
	return nil
}

// write puts a file there at once and whole, or leaves what is there.
func (s *spool) write(name string, data []byte) error {
	if err := s.disk.Permit(s.path(name), len(data)); err != nil {
		return err
	}
	half := name + newSuffix
	f, err := s.root.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.root.Rename(half, name)
	}
	if err != nil {
		_ = s.root.Remove(half)
		return err
	}
	return s.sync()
}

// sync makes renames last.
func (s *spool) sync() error {
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// read returns the content of a file, which must be a regular one.
func (s *spool) read(name string) ([]byte, error) {
	f, err := s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("it has %d bytes, more than a mail can have", info.Size())
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// names returns the names of the files that may be mails, sorted, and how many
// other files there are that a spool does not have.
func (s *spool) names() (mails []string, others int, err error) {
	dir, err := s.root.Open(".")
	if err != nil {
		return nil, 0, err
	}
	defer dir.Close()
	all, err := dir.Readdirnames(maxNames)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	for _, name := range all {
		switch {
		case strings.HasSuffix(name, mailSuffix), strings.HasSuffix(name, mailSuffix+newSuffix):
			mails = append(mails, name)
		case name == lockName, name == groupsName, name == groupsName+newSuffix, strings.HasSuffix(name, badSuffix):
		default:
			others++
		}
	}
	slices.Sort(mails)
	return mails, others, nil
}

// remove deletes a file; one that is not there is no error.
func (s *spool) remove(name string) error {
	if err := s.disk.Permit(s.path(name), 0); err != nil {
		return err
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// keepAside renames a file that cannot be used, so that nobody looks at it again.
func (s *spool) keepAside(name string) error {
	if err := s.disk.Permit(s.path(name), 0); err != nil {
		return err
	}
	return s.root.Rename(name, name+badSuffix)
}

func (s *spool) path(name string) string { return filepath.Join(s.disk.Folder(s.dir), name) }
