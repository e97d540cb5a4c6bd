//go:build darwin || freebsd

package forker

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// childAttr gives a child a process group of its own. The pipe alone tells it
// that its parent has died.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// program returns the path of this process's own program.
func program() string {
	path, _ := os.Executable()
	return path
}

func changeParentDeath(bool) {}

func limitMemory(int64) error {
	return errors.New("a limit of a child's memory is not available on " + runtime.GOOS + ": leave out forker.Memory there")
}

func watchEnd(int) error { return errors.ErrUnsupported }

// niceLevel reads what getpriority(2) returns.
func niceLevel(raw int) int { return raw }

func widen(int, int) {}
