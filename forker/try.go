package forker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Try starts img in a child that checks whether it could run. A nil error
// means that it said yes: it reported Running and ended with status 0. The
// first line of an error says what was wrong; what the child left on its
// standard error follows, indented. The child and all that it started are
// killed when it has ended, when ctx is done, or, on Linux, when this process
// dies.
func (m *Machine) Try(ctx context.Context, img Image) error {
	result := make(chan error, 1)
	go func() {
		// On Linux the child is killed when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		result <- wrap("try "+img.Path, try(ctx, img))
	}()
	return <-result
}

func try(ctx context.Context, img Image) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	began := time.Now()
	c, err := startChild(img, Trial, trialAttr())
	if err != nil {
		return err
	}
	defer c.release()
	answer := make(chan verdict, 1)
	go func() {
		report, err := c.await(ctx)
		answer <- verdict{report, err}
	}()

	err = watchEnd(ctx, c.cmd.Process)
	// The whole group dies while its leader's number cannot be anybody else's:
	// before the leader is reaped.
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	_ = c.cmd.Wait()
	switch {
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("its end cannot be watched, so it was killed: %w", err)
	case err != nil:
		return errors.New(withTail(fmt.Sprintf("it hung: no end within %v, so it was killed",
			time.Since(began).Round(time.Millisecond)), c.stderr.last()))
	}
	_ = c.report.SetReadDeadline(time.Now().Add(lastWords))
	return judge(<-answer, c.cmd.ProcessState, c.stderr.last())
}

// watchEnd waits until a child has ended, without reaping it.
func watchEnd(ctx context.Context, p *os.Process) error {
	other, err := watch(p)
	if err != nil {
		return err
	}
	return other.Wait(ctx)
}

// verdict is what a tried child reported, if anything.
type verdict struct {
	report Report
	err    error
}

// judge weighs what a tried child said against how it ended.
func judge(v verdict, state *os.ProcessState, stderr string) error {
	switch {
	case v.err == nil && v.report.Running && state.Success():
		return nil
	case v.err == nil && v.report.Running:
		return errors.New(withTail("it said that it could start, but then it "+fate(state), stderr))
	case v.err == nil:
		first, rest, _ := strings.Cut(strings.TrimSpace(v.report.Message), "\n")
		if first == "" {
			return errors.New(withTail("it would not start", stderr))
		}
		return errors.New(withTail("it would not start: "+first, rest))
	case !errors.Is(v.err, io.EOF):
		return fmt.Errorf("its report cannot be read: %w", v.err)
	case state.Success():
		return errors.New(withTail("it ended without a word: "+
			"it is not an Evertick daemon, or an older one", stderr))
	}
	return errors.New(withTail("it "+fate(state)+" before it could say whether it would start", stderr))
}
