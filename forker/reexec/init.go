package reexec

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Init starts this process's program once more, with args, and stays beside it
// as an init(8): it forwards signals to it, and waits for it and for the orphans
// that PID 1 inherits. It returns the program's exit status when that has ended,
// 128 and the signal's number where one has ended it.
//
// It is for PID 1 of a container. To PID 1 the kernel delivers no signal that has
// its default effect (pid_namespaces(7)), so a SIGTERM in the instant between two
// programs, when neither has its handlers, would be lost there; to a child of
// PID 1 it is not.
//
// No other part of the process may start children. What the kernel sends when a
// terminal's user types Ctrl-C reaches the child twice.
func (o *OS) Init(args []string) (code int, err error) {
	exited := make(chan os.Signal, 1)
	signal.Notify(exited, syscall.SIGCHLD)
	defer signal.Stop(exited)
	others := make(chan os.Signal, 64)
	signal.Notify(others) // before the child is there, so that none is lost
	defer signal.Stop(others)

	path := o.self.info.Executable
	child, err := syscall.ForkExec(path, append([]string{path}, args...), &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s under an init: %w", path, err)
	}
	for {
		select {
		case <-exited:
			if code, ended := reap(child); ended {
				return code, nil
			}
		case sig := <-others:
			forward(child, sig)
		}
	}
}

// forward sends a signal on, unless it is one that the kernel or the Go runtime
// sends to this process about itself.
func forward(child int, sig os.Signal) {
	switch number, _ := sig.(syscall.Signal); number {
	case syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG:
	default:
		_ = syscall.Kill(child, number) // where it has ended, that is told next
	}
}

// reap waits for all processes that have ended, and returns the exit status of
// the child, if that is one of them.
func reap(child int) (code int, ended bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil || pid <= 0:
			return code, ended
		case pid == child && status.Signaled():
			code, ended = 128+int(status.Signal()), true
		case pid == child:
			code, ended = status.ExitStatus(), true
		}
	}
}
