package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start returns what identifies process pid among all that have its number on
// this machine: the wall-clock time at which it was started. It is empty where
// it cannot be told. os.ErrProcessDone says that there is no such process.
func Start(pid int) (string, error) {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return "", os.ErrProcessDone
	}
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", nil
	}
	at := info.Proc.P_starttime
	return fmt.Sprintf("%d.%06d", at.Sec, at.Usec), nil
}
