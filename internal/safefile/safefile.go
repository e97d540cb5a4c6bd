package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// loosest is the loosest mode that a file may have.
const loosest = 0o644

// ownersShare is what the owner of a file that is created may do with it, whatever
// the umask.
const ownersShare = 0o600

// writing are the flags of which one is set when the file may be written to.
const writing = os.O_WRONLY | os.O_RDWR

// Open is os.OpenFile for the files that the package comment speaks of. perm
// is the mode of a file that is created; bits beyond 0644 are taken off it.
// With O_CREATE it is also the loosest mode that a file of our own keeps when
// it is opened for writing; without O_CREATE that is 0644, and perm has no
// meaning. O_TRUNC takes effect only after the file has passed every check.
//
// The error is one line that names the path and a remedy. It wraps the system's
// own error where there is one.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	p, err := find(path, flag)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.acceptable(flag); err != nil {
		return nil, err
	}
	fd, err := p.open(flag, perm)
	if err != nil {
		return nil, err
	}
	// NewFile would hand a descriptor that does not block to the poller.
	if err := unix.SetNonblock(fd, false); err != nil {
		_ = unix.Close(fd)
		return nil, p.explain(err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// open opens the file without following anything, and makes sure that it is
// what refuse accepts: it may be another one than find saw.
func (p *place) open(flag int, perm fs.FileMode) (fd int, err error) {
	limit := uint32(loosest)
	if flag&os.O_CREATE != 0 {
		limit &= uint32(perm.Perm())
	}
	flags := flag&^os.O_TRUNC | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	err = retry(func() error {
		fd, err = unix.Openat(p.folder, p.base, flags, limit)
		return err
	})
	if err != nil {
		return -1, p.explain(err)
	}
	if err := p.settle(fd, flag, limit); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// settle does what must wait until the open file has been looked at.
func (p *place) settle(fd, flag int, limit uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return p.explain(err)
	}
	if err := p.refuse(&st); err != nil {
		return err
	}
	if flag&writing == 0 {
		return nil
	}
	if mode := uint32(st.Mode) & 0o7777; !p.found && st.Size == 0 && mode&ownersShare != limit&ownersShare && int(st.Uid) == unix.Geteuid() {
		if err := unix.Fchmod(fd, mode|limit&ownersShare); err != nil { // the umask has taken it
			return p.explain(fmt.Errorf("let its owner use it: %w", err))
		}
	}
	if mode := uint32(st.Mode) & 0o7777; mode&^limit != 0 && int(st.Uid) == unix.Geteuid() {
		if err := unix.Fchmod(fd, mode&limit); err != nil {
			return p.explain(fmt.Errorf("tighten its mode to %04o: %w", mode&limit, err))
		}
	}
	if flag&os.O_TRUNC != 0 {
		if err := retry(func() error { return unix.Ftruncate(fd, 0) }); err != nil {
			return p.explain(fmt.Errorf("truncate it: %w", err))
		}
	}
	return nil
}

// Check tells whether Open with these flags could succeed, as far as can be
// told without touching anything: it creates, opens and changes no file.
func Check(path string, flag int) error {
	p, err := find(path, flag)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.acceptable(flag); err != nil {
		return err
	}
	switch {
	case p.found:
		return p.access(p.base, need(flag))
	case flag&os.O_CREATE == 0:
		return p.explain(unix.ENOENT)
	}
	return p.access(".", unix.W_OK|unix.X_OK)
}

// acceptable judges what find has found.
func (p *place) acceptable(flag int) error {
	switch {
	case !p.found:
		return nil
	case exclusive(flag):
		return p.explain(unix.EEXIST)
	}
	return p.refuse(&p.stat)
}

// exclusive reports whether the file must not exist yet.
func exclusive(flag int) bool {
	const both = os.O_CREATE | os.O_EXCL
	return flag&both == both
}

// need is the access that flag asks for.
func need(flag int) uint32 {
	switch flag & (os.O_RDONLY | writing) {
	case os.O_WRONLY:
		return unix.W_OK
	case os.O_RDWR:
		return unix.R_OK | unix.W_OK
	}
	return unix.R_OK
}

func (p *place) access(name string, mode uint32) error {
	if err := unix.Faccessat(p.folder, name, mode, unix.AT_EACCESS); err != nil {
		return p.explain(err)
	}
	return nil
}

// retry calls f again as long as a signal interrupts it.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
