//go:build darwin || freebsd

package reexec

import (
	"os"
	"runtime"
	"syscall"
)

// trialAttr gives a tried child a process group of its own.
func trialAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

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
