//go:build darwin || freebsd

package forker

import (
	"errors"
	"os"
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

// limitMemory: the kernel has no limit that a Go program reaches.
func limitMemory(int64) error { return nil }

// ownMemory returns the most resident memory that this process has had, in bytes.
func ownMemory() int64 { return int64(residentMemory()) }

func watchEnd(int) error { return errors.ErrUnsupported }

// niceLevel reads what getpriority(2) returns.
func niceLevel(raw int) int { return raw }

func widen(int, int) {}
