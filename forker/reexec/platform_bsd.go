//go:build darwin || freebsd

package reexec

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startTrial starts p in a process group of its own.
func startTrial(p Program) (*child, error) {
	return startChild(p, Trial, &syscall.SysProcAttr{Setpgid: true})
}

// tried returns how the tried program ended.
func (c *child) tried() (syscall.WaitStatus, error) {
	return c.cmd.ProcessState.Sys().(syscall.WaitStatus), nil
}

// giveUp does nothing here, and says so: the group is killed.
func (c *child) giveUp() bool { return false }

// superviseTrial does nothing here: no process is started for it.
func (s startInfo) superviseTrial() {}

// mountedNoexec reports whether nothing may be executed on path's file system.
func mountedNoexec(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Flags&unix.MNT_NOEXEC != 0
}

// anonymousFile returns a file without a name.
func anonymousFile() (*os.File, error) { return unlinkedFile() }

// closeOnExec does nothing here: what the launcher inherited beyond the
// standard streams stays open in the process that it launches.
func closeOnExec() {}

// resident knows the peak only.
func resident() (now, peak uint64) {
	if runtime.GOOS == "darwin" {
		return 0, peakUsage() // counted in bytes there
	}
	return 0, peakUsage() << 10
}

// oomKills cannot be told here.
func oomKills() (cgroup string, kills int64) { return "", 0 }

// watcherProgram is what a watcher is started from.
func watcherProgram(path string) string { return path }

// respawnProgram is what a watcher executes.
func respawnProgram(path string) string { return path }

// nameProcess does nothing here: the list of processes shows the arguments.
func nameProcess(string) {}

// closeInherited does nothing here.
func closeInherited(int) {}
