package reexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// endTimeout is how long a launched process that reported that it cannot go
// on, or that closed its pipe without a report, may take to end.
const endTimeout = 5 * time.Second

// Launch starts p in a session of its own, with its standard input and output
// on /dev/null, and blocks until it has reported. An end without a report is an
// error that holds the end of its standard error (64 KiB at most). A report
// that it is not Running is no error; where it has no message, the standard
// error stands in for it. The process goes on when ctx ends, whose cause is
// then returned.
//
// What the launcher itself inherited beyond the standard streams does not reach
// the process, as daemon(7) asks, so that it holds up nobody who waits for the
// end of some pipe (Linux only).
//
// A running process is nobody's to wait for: it becomes a child of init when
// the launcher ends.
func (o *OS) Launch(ctx context.Context, p Program) (Report, error) {
	r, err := launch(ctx, o.clock, p)
	return r, wrap("launch "+p.Path, err)
}

func launch(ctx context.Context, clock clockwork.Clock, p Program) (Report, error) {
	closeOnExec()
	c, err := startChild(p, Detached, &syscall.SysProcAttr{Setsid: true})
	if err != nil {
		return Report{}, err
	}
	defer c.release()
	pid := c.cmd.Process.Pid
	report, err := c.awaitReport(ctx)
	switch {
	case err == nil && report.Running:
		_ = c.cmd.Process.Release()
		return report, nil
	case err == nil:
		_, _ = c.reap(clock)
		if report.Message == "" {
			report.Message = c.stderr.end()
		}
		return report, nil
	case !errors.Is(err, io.EOF):
		_ = c.cmd.Process.Release()
		return Report{}, fmt.Errorf("process %d has not reported: %w", pid, err)
	}
	state, ok := c.reap(clock)
	if !ok {
		return Report{}, fmt.Errorf("process %d goes on, but did not report: it is no Evertick daemon", pid)
	}
	return Report{}, errors.New(withStderr("it "+howEnded(state.Sys().(syscall.WaitStatus))+" before it was ready", c.stderr.end()))
}

// reap waits for a child that is about to end; false says that it does not.
func (c *child) reap(clock clockwork.Clock) (*os.ProcessState, bool) {
	state := make(chan *os.ProcessState, 1)
	go func() {
		_ = c.cmd.Wait()
		state <- c.cmd.ProcessState
	}()
	timeout := clock.NewTimer(endTimeout)
	defer timeout.Stop()
	select {
	case s := <-state:
		return s, s != nil
	case <-timeout.C():
		return nil, false
	}
}
