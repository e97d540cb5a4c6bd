package pidfile

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// asOwner runs f so that what it creates belongs to the owner of the file at
// path, where that is possible: root's files are closed to a daemon of another
// user. The file system's idea of the user is changed for this thread alone
// (setfsuid(2)); to change an owner afterwards could hit another file.
func asOwner(path string, f func() error) error {
	info, err := os.Stat(path)
	if err != nil || os.Geteuid() != 0 {
		return f()
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	root, err := unix.SetfsuidRetUid(owner)
	if err != nil {
		return f()
	}
	defer func() { _, _ = unix.SetfsuidRetUid(root) }()
	return f()
}
