package forker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// maxTail is how much of the end of a child's standard error is kept.
	maxTail = 64 << 10

	// maxReport is the longest report that is read.
	maxReport = 1 << 20

	// lastWords is how long a dead child's standard error is still read. What
	// it left in the pipe is there at once; the limit is for a grandchild
	// that holds the other end.
	lastWords = 200 * time.Millisecond
)

// child is a process that owes us a report: what Launch and Try share.
type child struct {
	cmd    *exec.Cmd
	report *os.File
	stderr *tail
}

// startChild starts img with its standard input and output on /dev/null, its
// standard error in a tail, and a pipe for its report.
func startChild(img Image, kind Kind, attr *syscall.SysProcAttr) (*child, error) {
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reportWrite.Close()
	stderrRead, stderrWrite, err := os.Pipe()
	if err != nil {
		reportRead.Close()
		return nil, err
	}
	defer stderrWrite.Close()

	c := &child{cmd: exec.Command(img.Path, img.Args...), report: reportRead}
	c.cmd.Dir = startDir(img.Dir)
	c.cmd.Stderr = stderrWrite
	c.cmd.ExtraFiles = []*os.File{reportWrite}
	c.cmd.SysProcAttr = attr
	if err := c.begin(img, kind, reportWrite); err != nil {
		reportRead.Close()
		stderrRead.Close()
		return nil, err
	}
	c.stderr = collect(stderrRead)
	return c, nil
}

// begin writes the child's birth certificate and starts it.
func (c *child) begin(img Image, kind Kind, pipe *os.File) error {
	inode, err := pipeInode(int(pipe.Fd()))
	if err != nil {
		return err
	}
	birth := certificate{Kind: kind.String(), Dir: img.Dir, Report: 3, Pipe: inode}
	state, err := birth.carry(img.State)
	if err != nil {
		return err
	}
	if state != nil {
		defer state.Close()
		c.cmd.ExtraFiles = append(c.cmd.ExtraFiles, state)
		birth.StateFile = 4
	}
	if c.cmd.Env, err = withBirth(birth); err != nil {
		return err
	}
	return startError(img.Path, c.cmd.Start())
}

// startError says plainly why a program could not be started.
func startError(path string, err error) error {
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

// await returns the child's report. It ends with io.EOF when the child has
// closed the pipe without one, and with ctx's cause when ctx is done.
func (c *child) await(ctx context.Context) (Report, error) {
	var r Report
	stop := context.AfterFunc(ctx, func() { _ = c.report.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err := json.NewDecoder(io.LimitReader(c.report, maxReport)).Decode(&r)
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
		return r, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded): // a grandchild holds the pipe
		return r, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return r, io.EOF
	}
	return r, err
}

// release closes what the parent still holds; the child may go on.
func (c *child) release() {
	c.report.Close()
	c.stderr.close()
}

// tail keeps the end of what a child writes to its standard error.
type tail struct {
	mu   sync.Mutex
	pipe *os.File
	text []byte
	cut  bool
	done chan struct{}
}

func collect(pipe *os.File) *tail {
	t := &tail{pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		_, _ = io.Copy(writerOnly{t}, pipe)
	}()
	return t
}

// writerOnly hides that an *os.File could copy itself.
type writerOnly struct{ io.Writer }

// Write keeps the last maxTail bytes.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - maxTail; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// last waits until the pipe has run dry, or lastWords, and returns the text.
func (t *tail) last() string {
	_ = t.pipe.SetReadDeadline(time.Now().Add(lastWords))
	<-t.done
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.text), "\uFFFD"))
	if t.cut {
		return "… " + text
	}
	return text
}

// close ends the collecting.
func (t *tail) close() {
	_ = t.pipe.SetReadDeadline(time.Unix(1, 0))
	<-t.done
	t.pipe.Close()
}

// fate is a dead process's end in words.
func fate(state *os.ProcessState) string {
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return "was killed by " + SignalName(status.Signal())
	}
	return fmt.Sprintf("ended with status %d", state.ExitCode())
}

// withTail appends text to message, on indented lines of its own.
func withTail(message, text string) string {
	if text == "" {
		return message
	}
	return message + "\n\t" + strings.ReplaceAll(text, "\n", "\n\t")
}
