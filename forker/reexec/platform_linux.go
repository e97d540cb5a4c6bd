package reexec

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// mountedNoexec reports whether nothing may be executed on path's file system.
func mountedNoexec(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}

// anonymousFile returns a file without a name, in memory.
func anonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("evertick", unix.MFD_CLOEXEC)
	if err != nil {
		return unlinkedFile()
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}

// closeOnExec marks every descriptor beyond the standard streams close-on-exec,
// those that Go did not open included. A kernel without close_range(2), before
// 5.11, leaves them as they are.
func closeOnExec() {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}
