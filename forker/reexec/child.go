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

	"github.com/evertick/evertick/forker/internal/pipe"
	"github.com/evertick/evertick/forker/signals"
)

// maxReport is the longest report that is read.
const maxReport = 1 << 20

// child is a process that owes us a report: what Launch and Try share.
type child struct {
	cmd    *exec.Cmd
	report *pipe.Pipe
	stderr *stderrTail
}

// startChild starts p with its standard input and output on /dev/null, its
// standard error in a stderrTail, and a pipe for its report.
func startChild(p Program, kind Kind, attr *syscall.SysProcAttr) (*child, error) {
	report, reportWrite, err := pipe.New()
	if err != nil {
		return nil, err
	}
	defer reportWrite.Close()
	stderr, stderrWrite, err := pipe.New()
	if err != nil {
		report.File.Close()
		return nil, err
	}
	defer stderrWrite.Close()

	c := &child{cmd: exec.Command(p.Path, p.Args...), report: report}
	c.cmd.Dir = startDir(p.Dir)
	c.cmd.Stderr = stderrWrite
	c.cmd.ExtraFiles = []*os.File{reportWrite}
	c.cmd.SysProcAttr = attr
	if err := c.start(p, kind, reportWrite); err != nil {
		report.File.Close()
		stderr.File.Close()
		return nil, err
	}
	c.stderr = collect(stderr)
	return c, nil
}

// start writes the child's startInfo and starts it.
func (c *child) start(p Program, kind Kind, reportWrite *os.File) error {
	inode, err := pipeInode(int(reportWrite.Fd()))
	if err != nil {
		return err
	}
	info := startInfo{Kind: kind.String(), Dir: p.Dir, Report: 3, Pipe: inode}
	state, err := info.putState(p.State)
	if err != nil {
		return err
	}
	if state != nil {
		defer state.Close()
		c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, state)
		info.StateFile = 4
	}
	if c.cmd.Env, err = info.environment(); err != nil {
		return err
	}
	return explain(p.Path, c.cmd.Start())
}

// explain says plainly why a program could not be started.
func explain(path string, err error) error {
	var inner *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(path); statErr == nil {
			return fmt.Errorf("its interpreter or loader is missing: %w", syscall.ENOENT)
		}
		return fmt.Errorf("there is no such file: %w", fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the file is not executable (chmod +x?): %w", fs.ErrPermission)
	case errors.As(err, &inner):
		return inner.Err
	}
	return err
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
}

// howEnded says in words how a dead process ended.
func howEnded(state *os.ProcessState) string {
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return "was killed by " + signals.Name(status.Signal())
	}
	return fmt.Sprintf("ended with status %d", state.ExitCode())
}
