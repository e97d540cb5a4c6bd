package reexec

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

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker/internal/process"
)

// Try starts p in a child that checks whether it could run, and blocks until
// that has ended. A nil error means that it reported Running and ended with
// status 0. The first line of an error says what was wrong; what the child left
// on its standard error follows, indented. The child and all that it started
// are killed when it has ended, when ctx is done, or, on Linux, when this
// process dies.
func (o *OS) Try(ctx context.Context, p Program) error {
	result := make(chan error, 1)
	go func() {
		// On Linux the child is killed when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer o.self.spare.lend()()
		result <- wrap("try "+p.Path, try(ctx, o.clock, p))
	}()
	return <-result
}

func try(ctx context.Context, clock clockwork.Clock, p Program) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	began := clock.Now()
	c, err := startTrial(p)
	if err != nil {
		return err
	}
	defer c.release()
	reported := make(chan result, 1)
	go func() {
		report, err := c.awaitReport(ctx)
		reported <- result{report, err}
	}()

	err = awaitEnd(ctx, c.cmd.Process)
	if err != nil {
		if c.giveUp() {
			graceful, cancel := clockwork.WithTimeout(context.Background(), clock, killTimeout)
			_ = awaitEnd(graceful, c.cmd.Process)
			cancel()
		}
	}
	// The whole group dies while its leader's number cannot be another's:
	// before the leader is reaped.
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	_ = c.cmd.Wait()
	switch {
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("its end cannot be watched, so it was killed: %w", err)
	case err != nil:
		return errors.New(withStderr(fmt.Sprintf("it hung: no end within %v, so it was killed",
			clock.Now().Sub(began).Round(time.Millisecond)), c.stderr.end()))
	}
	c.report.Stop()
	status, err := c.tried()
	if err != nil {
		return err
	}
	return judge(<-reported, status, c.stderr.end())
}

// killTimeout is how long the processes of a trial may take to die. Where they take
// longer, the subreaper is killed, too, and leaves them behind.
const killTimeout = 5 * time.Second

// awaitEnd waits until a child has ended, without reaping it.
func awaitEnd(ctx context.Context, p *os.Process) error {
	handle, err := process.Watch(p)
	if err != nil {
		return err
	}
	return handle.Wait(ctx)
}

// result is what a tried child reported, if anything.
type result struct {
	report Report
	err    error
}

// judge compares what a tried child reported with how it ended.
func judge(r result, status syscall.WaitStatus, stderr string) error {
	success := status.Exited() && status.ExitStatus() == 0
	switch {
	case r.err == nil && r.report.Running && success:
		return nil
	case r.err == nil && r.report.Running:
		return errors.New(withStderr("it said that it could start, but then it "+howEnded(status), stderr))
	case r.err == nil:
		first, rest, _ := strings.Cut(strings.TrimSpace(r.report.Message), "\n")
		if first == "" {
			return fmt.Errorf("%w%s", ErrRefused, withStderr("", stderr))
		}
		return fmt.Errorf("%w: %s", ErrRefused, withStderr(first, rest))
	case !errors.Is(r.err, io.EOF):
		return fmt.Errorf("its report cannot be read: %w", r.err)
	case success:
		return errors.New(withStderr("it ended without a word: "+
			"it is not an Evertick daemon, or an older one", stderr))
	}
	return errors.New(withStderr("it "+howEnded(status)+" before it could say whether it would start", stderr))
}
