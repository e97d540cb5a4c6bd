package reexec

import (
	"math"
	"os"
	"strconv"

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

// watcherProgram is what a watcher is started from: the program of this process, also
// where its file has been replaced or deleted.
func watcherProgram(path string) string {
	if _, err := os.Stat(ownProgram); err != nil { // there is no /proc
		return path
	}
	return ownProgram
}

// respawnProgram is the program of this process, by its own path where it still has
// that.
func respawnProgram(path string) string {
	if sameFile(path, ownProgram) {
		return path
	}
	return ownProgram
}

// nameProcess sets the short name of this process: proc_pid_comm(5).
func nameProcess(name string) {
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0)
}

// closeInherited closes the descriptors beyond the standard streams that this process
// has inherited, but one: what the Go runtime itself has opened is marked close-on-exec.
func closeInherited(keep int) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= unix.Stderr || fd == keep {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}
