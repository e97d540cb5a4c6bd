package reexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/forker/internal/pipe"
	"github.com/evertick/evertick/forker/signals"
)

// maxReport is the longest report that is read.
const maxReport = 1 << 20

// child is a process that owes us a report: what Launch and Try share.
type child struct {
	path   string
	cmd    *exec.Cmd
	report *pipe.Pipe
	stderr *stderrTail
	end    *pipe.Pipe // of what a subreaper says; nil where there is none
}

// startChild starts p with its standard input and output on /dev/null, its
// standard error in a stderrTail, and a pipe for its report.
func startChild(p Program, kind Kind, attr *syscall.SysProcAttr) (*child, error) {
	return startChildAs(func(*exec.Cmd, *startInfo) {}, p, kind, attr)
}

// startChildAs is startChild; change sees the command before it is started.
func startChildAs(change func(*exec.Cmd, *startInfo), p Program, kind Kind, attr *syscall.SysProcAttr) (*child, error) {
	report, reportWrite, err := pipe.New()
	if err != nil {
		return nil, lacks(err)
	}
	defer reportWrite.Close()
	stderr, stderrWrite, err := pipe.New()
	if err != nil {
		report.File.Close()
		return nil, lacks(err)
	}
	defer stderrWrite.Close()

	c := &child{path: p.Path, cmd: exec.Command(p.Path, p.Args...), report: report}
	c.cmd.Dir = startDir(p.Dir)
	c.cmd.Stderr = stderrWrite
	c.cmd.ExtraFiles = []*os.File{reportWrite}
	c.cmd.SysProcAttr = attr
	if err := c.start(change, p, kind, reportWrite); err != nil {
		report.File.Close()
		stderr.File.Close()
		return nil, err
	}
	c.stderr = collect(stderr)
	return c, nil
}

// start writes the child's startInfo and starts it.
func (c *child) start(change func(*exec.Cmd, *startInfo), p Program, kind Kind, reportWrite *os.File) error {
	inode, err := pipeInode(int(reportWrite.Fd()))
	if err != nil {
		return err
	}
	info := startInfo{Kind: kind.String(), Dir: path(p.Dir), Report: 3, Pipe: inode}
	state, err := info.putState(p.State)
	if err != nil {
		return err
	}
	if state != nil {
		defer state.Close()
		c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, state)
		info.StateFile = 4
	}
	change(c.cmd, &info)
	if c.cmd.Env, err = info.environment(); err != nil {
		return err
	}
	return explain(p.Path, c.cmd.Start())
}

// lacks says what is short, and what to do, where err is for want of it; else it
// returns err.
func lacks(err error) error {
	var what string
	switch {
	case errors.Is(err, syscall.EMFILE):
		var limit unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
		what = fmt.Sprintf("this process has all of its %d descriptors open: it leaks them, or its limit is too low (ulimit -n, LimitNOFILE=)", limit.Cur)
	case errors.Is(err, syscall.ENFILE):
		what = "this machine has no descriptor left (sysctl fs.file-max)"
	case errors.Is(err, syscall.EAGAIN):
		what = "this user may start no more processes (ulimit -u, TasksMax=)"
	case errors.Is(err, syscall.ENOMEM):
		what = "this machine has no memory left for another process"
	default:
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrNoResources, what, err)
}

// explain says plainly why a program could not be started.
func explain(path string, err error) error {
	err = lacks(err)
	var inner *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNoResources):
		return err
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(path); statErr == nil {
			return fmt.Errorf("its interpreter or loader is missing: %w", syscall.ENOENT)
		}
		return fmt.Errorf("there is no such file: %w", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w", whyForbidden(path), fs.ErrPermission)
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("the file is open for writing (is it still being copied?): %w", syscall.ETXTBSY)
	case errors.As(err, &inner):
		return inner.Err
	}
	return err
}

// whyForbidden says what may keep the kernel from executing the file at path, and
// the remedy: execve(2) has one error for all of it.
func whyForbidden(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "a folder on the way to it may not be entered"
	case info.IsDir():
		return "it is a folder"
	case info.Mode()&0o111 == 0:
		return "the file is not executable (chmod +x?)"
	case mountedNoexec(path):
		return "its file system is mounted noexec: mount it without, or move the file to another one"
	case unix.Access(path, unix.X_OK) != nil:
		return fmt.Sprintf("user %d may not execute it (mode %s)", os.Geteuid(), info.Mode())
	}
	return "its interpreter may not be executed, or a security policy forbids it"
}

// awaitReport returns the child's report. It fails with io.EOF when the child
// has closed the pipe without one, and with ctx's cause when ctx is done.
func (c *child) awaitReport(ctx context.Context) (Report, error) {
	stop := context.AfterFunc(ctx, c.report.Stop)
	defer stop()
	var r Report
	err := json.NewDecoder(io.LimitReader(c.report, maxReport)).Decode(&r)
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return r, context.Cause(ctx)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r, io.EOF
	}
	return r, err
}

// release closes what the parent still holds; the child may go on.
func (c *child) release() {
	c.report.File.Close()
	c.stderr.close()
	if c.end != nil {
		c.end.File.Close()
	}
}

// howEnded says in words how a dead process ended.
func howEnded(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "was killed by " + signals.Name(status.Signal())
	}
	return fmt.Sprintf("ended with status %d", status.ExitStatus())
}
