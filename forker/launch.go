package forker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// endGrace is how long a launched process that said that it cannot go on, or
// that closed its pipe without a word, may take to end.
const endGrace = 5 * time.Second

// Launch starts img in a session of its own, with its standard input and
// output on /dev/null, and blocks until it has reported. An end without a
// report is an error that holds the end of its standard error (64 KiB at
// most). A report that it is not Running is no error; where it has no message,
// the standard error stands in for it. The process goes on when ctx ends, whose
// cause is then returned.
//
// What the launcher itself inherited beyond the standard streams does not reach
// the process, as daemon(7) asks, so that it holds up nobody who waits for the
// end of some pipe (Linux only).
//
// A running process is nobody's to wait for: it becomes a child of init when
// the launcher ends.
func (m *Machine) Launch(ctx context.Context, img Image) (Report, error) {
	doing := "launch " + img.Path
	keepToOurselves()
	c, err := startChild(img, Detached, &syscall.SysProcAttr{Setsid: true})
	if err != nil {
		return Report{}, wrap(doing, err)
	}
	defer c.release()
	report, err := c.await(ctx)
	switch {
	case err == nil && report.Running:
		_ = c.cmd.Process.Release()
		return report, nil
	case err == nil:
		_, _ = c.ended()
		if report.Message == "" {
			report.Message = c.stderr.last()
		}
		return report, nil
	case !errors.Is(err, io.EOF):
		_ = c.cmd.Process.Release()
		return Report{}, wrap(doing, fmt.Errorf("process %d has not reported: %w", c.cmd.Process.Pid, err))
	}
	state, ok := c.ended()
	if !ok {
		return Report{}, wrap(doing, fmt.Errorf(
			"process %d goes on, but did not report: it is no Evertick daemon", c.cmd.Process.Pid))
	}
	return Report{}, wrap(doing, errors.New(withTail(
		fmt.Sprintf("it %s before it was ready", fate(state)), c.stderr.last())))
}

// ended reaps a child that is about to end; false says that it does not.
func (c *child) ended() (*os.ProcessState, bool) {
	state := make(chan *os.ProcessState, 1)
	go func() {
		_ = c.cmd.Wait()
		state <- c.cmd.ProcessState
	}()
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case s := <-state:
		return s, s != nil
	case <-grace.C:
		return nil, false
	}
}
