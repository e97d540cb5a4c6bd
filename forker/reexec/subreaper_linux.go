package reexec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/pipe"
)

// A trial runs under a subreaper (PR_SET_CHILD_SUBREAPER(2const)), which is this
// program once more. The kernel gives it every descendant of the tried program
// whose parent has ended, whatever its session and process group, so that it
// leaves none behind. This process must not be that subreaper: among its
// children it could not tell those of a trial from its own.

// ownProgram is the program of this process, also where its file has been
// replaced or deleted.
const ownProgram = "/proc/self/exe"

// trialEnd is what a subreaper says of the tried program, as JSON.
type trialEnd struct {
	Errno  syscall.Errno      // why it could not be started; else 0
	Status syscall.WaitStatus // how it ended
}

// trialAttr gives a subreaper a process group of its own, and a SIGTERM when
// the thread that started it ends.
func trialAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// startTrial starts p under a subreaper. The error is p's own where the child is
// not nil: then the subreaper has to end first.
func startTrial(p Program) (*child, error) {
	if _, err := os.Stat(ownProgram); err != nil { // there is no /proc
		return startChild(p, Trial, directTrialAttr())
	}
	end, endWrite, err := pipe.New()
	if err != nil {
		return nil, lacks(err)
	}
	defer endWrite.Close()
	c, err := startChildAs(func(cmd *exec.Cmd, info *startInfo) {
		info.Kind, info.Path = kindSubreaper, path(p.Path)
		cmd.Path = ownProgram
		cmd.ExtraFiles = append(cmd.ExtraFiles, endWrite)
		info.End = 2 + len(cmd.ExtraFiles)
	}, p, Trial, trialAttr())
	if err != nil {
		end.File.Close()
		return nil, err
	}
	c.end = end
	return c, nil
}

// tried returns how the tried program ended, once its subreaper has.
func (c *child) tried() (syscall.WaitStatus, error) {
	if c.end == nil {
		return c.cmd.ProcessState.Sys().(syscall.WaitStatus), nil
	}
	c.end.Stop()
	var e trialEnd
	if err := json.NewDecoder(c.end).Decode(&e); err != nil {
		return 0, fmt.Errorf("the process that was to watch it %s", howEnded(c.cmd.ProcessState.Sys().(syscall.WaitStatus)))
	}
	if e.Errno != 0 {
		return 0, explain(c.path, e.Errno)
	}
	return e.Status, nil
}

// giveUp makes the subreaper kill what is left of the trial; false says that there
// is none.
func (c *child) giveUp() bool {
	return c.end != nil && c.cmd.Process.Signal(syscall.SIGTERM) == nil
}

// directTrialAttr is trialAttr where there is no subreaper.
func directTrialAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// superviseTrial is what a subreaper does instead of its program's own main: it
// starts the tried program, and ends when none of its descendants is left.
func (s startInfo) superviseTrial() {
	unix.CloseOnExec(s.End)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

	var e trialEnd
	pid, err := s.startTried()
	if err != nil {
		errors.As(err, &e.Errno)
	} else {
		var over atomic.Bool
		go func() {
			<-stop
			over.Store(true)
			killChildren()
		}()
		e.Status = reapTrial(pid, &over)
	}
	end := os.NewFile(uintptr(s.End), "end")
	_ = json.NewEncoder(end).Encode(e)
	unix.Exit(0) // nothing of the program itself has run, so nothing is to be flushed
}

// startTried starts the tried program with what this process was given for it.
func (s startInfo) startTried() (pid int, err error) {
	program := string(s.Path)
	files := []uintptr{0, 1, 2}
	for fd := 3; fd < s.End; fd++ {
		files = append(files, uintptr(fd))
	}
	s.Kind, s.Path, s.End = Trial.String(), "", 0
	env, err := s.environment()
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(program, os.Args, &syscall.ProcAttr{Env: env, Files: files, Sys: directTrialAttr()})
}

// reapTrial waits until no descendant is left, and kills them all once the tried
// program has ended or it is over. Each one whose parent has ended becomes this
// process's child, and that is after a death that is waited for here.
func reapTrial(tried int, over *atomic.Bool) (status syscall.WaitStatus) {
	for {
		var one syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &one, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return status
		case pid == tried:
			status = one
			over.Store(true)
		}
		if over.Load() {
			killChildren()
		}
	}
}

// killChildren kills this process's children. Nobody else reaps them, so their
// numbers are theirs.
func killChildren() {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		text, _ := os.ReadFile("/proc/self/task/" + thread.Name() + "/children")
		for _, number := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(number); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}
