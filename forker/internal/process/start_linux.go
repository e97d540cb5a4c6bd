package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The places of num_threads and starttime in /proc/PID/stat, counted from the
// one that follows the command's name: proc_pid_stat(5).
const (
	threadsField = 20 - 3
	startField   = 22 - 3
)

// Start returns what identifies process pid among all that have its number on
// this machine: the machine's boot, and the kernel's clock ticks since then. An
// exec leaves it as it is. It is empty where it cannot be told.
// os.ErrProcessDone says that there is no such process, or that it has ended
// and only waits to be reaped.
func Start(pid int) (string, error) {
	for range maxLooks {
		// While a process executes a program from another thread than its first,
		// a look may meet what is left of the first thread: execve(2). Another look
		// finds the thread in its place, or no process.
		start, err := look(pid)
		if !errors.Is(err, errReleased) {
			return start, err
		}
	}
	return "", os.ErrProcessDone
}

// maxLooks bounds the looks at a process: each meets the remains of another exec.
const maxLooks = 1000

// errReleased says that a thread was met that the kernel has let go of.
var errReleased = errors.New("the thread is released")

func look(pid int) (string, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil { // /proc may hide processes of others
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return "", os.ErrProcessDone
		}
		return "", nil
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startField {
		return "", fmt.Errorf("/proc/%d/stat is not as proc_pid_stat(5) tells it: %q", pid, stat)
	}
	if err := ended(fields); err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", nil
	}
	return strings.TrimSpace(string(boot)) + "/" + string(fields[startField]), nil
}

// ended returns whether a process is a zombie: as os.ErrProcessDone, or
// errReleased where that cannot be told. One whose first thread alone has ended is
// not: it lives on in the others, as it does within an exec. A thread that is
// released belongs to a process no more, and counts none.
func ended(fields [][]byte) error {
	state := string(fields[0])
	threads, err := strconv.Atoi(string(fields[threadsField]))
	switch {
	case state != "Z" && state != "X" || err == nil && threads > 1:
		return nil
	case err == nil && threads == 0:
		return errReleased
	}
	return os.ErrProcessDone
}
