package forkertest

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

// The pools of the suite, and their methods. They are registered with package
// forker, so that real workers have them; fake processes must play them. Each
// method takes and returns a string.
const (
	// Workers logs "set up" in its set-up and "torn down" in its teardown.
	Workers = "forkertest/workers"

	// Unfit fails in its set-up with "no database". It has the method Echo.
	Unfit = "forkertest/unfit"

	// EchoCall returns its argument.
	EchoCall = "echo"

	// FailCall returns the error "no row".
	FailCall = "fail"

	// PanicCall panics with "boom".
	PanicCall = "panic"

	// CrashCall ends the worker's process with status 3.
	CrashCall = "crash"

	// ObeyCall logs "ready", and returns its argument when the worker gets
	// SIGTERM.
	ObeyCall = "obey"

	// UnknownCall is registered nowhere.
	UnknownCall = "unknown"
)

func init() {
	workers := forker.NewPool(Workers, forker.PoolConfig{
		Setup: func(_ context.Context, c *forker.Child) error {
			c.Logf("set up")
			return nil
		},
		Teardown: func(_ context.Context, c *forker.Child) error {
			c.Logf("torn down")
			return nil
		},
	})
	method := func(name string, run func(ctx context.Context, c *forker.Child) error) {
		forker.NewMethod(workers, name, func(ctx context.Context, c *forker.Child, in string) (string, error) {
			return in, run(ctx, c)
		})
	}
	method(EchoCall, func(context.Context, *forker.Child) error { return nil })
	method(FailCall, func(context.Context, *forker.Child) error { return errors.New("no row") })
	method(PanicCall, func(context.Context, *forker.Child) error { panic("boom") })
	method(CrashCall, func(context.Context, *forker.Child) error {
		os.Exit(3)
		return nil
	})
	method(ObeyCall, func(ctx context.Context, c *forker.Child) error {
		c.Logf("ready")
		<-ctx.Done()
		return nil
	})
	forker.NewPool(Unfit, forker.PoolConfig{
		Setup: func(context.Context, *forker.Child) error { return errors.New("no database") },
	})
}

// startWorker starts a worker and waits until it is Ready.
func startWorker(t *testing.T, p forker.Processes) *child {
	t.Helper()
	c := startWith(t, p, forker.Command{Task: Workers, Worker: true, MaxBytes: 100 << 10})
	require.Equal(t, forker.Ready, c.answer(t).Kind)
	return c
}

// send sends a worker a call.
func (c *child) send(t *testing.T, method, in string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	require.NoError(t, c.Send(ctx, forker.Message{Kind: forker.Called, Text: method, Data: []byte(`"` + in + `"`)}))
}

// finish tells a worker to finish and waits for its end.
func (c *child) finish(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	require.NoError(t, c.Send(ctx, forker.Message{Kind: forker.Finish}))
	require.Equal(t, forker.Exit{}, c.ended(t))
	require.Equal(t, forker.Leaving, c.answer(t).Kind)
	require.Equal(t, forker.Returned, c.answer(t).Kind)
}

// answer waits for the next answer.
func (c *child) answer(t *testing.T) forker.Message {
	t.Helper()
	select {
	case m := <-c.answers:
		return m
	case <-time.After(guard):
		require.FailNow(t, "the worker does not answer")
	}
	return forker.Message{}
}

func workerAnswers(t *testing.T, p forker.Processes) {
	c := startWorker(t, p)
	for _, text := range []string{"one", "two"} {
		c.send(t, EchoCall, text)
		m := c.answer(t)
		require.Equal(t, forker.Returned, m.Kind)
		require.Equal(t, `"`+text+`"`, string(m.Data))
	}
	c.finish(t)
	require.Equal(t, "blyrrvlr", c.kinds(), "the messages' kinds")
	require.Equal(t, "set up", c.messages[1].Text)
	require.Equal(t, "torn down", c.messages[6].Text)
}

func callsWait(t *testing.T, p forker.Processes) {
	c := startWith(t, p, forker.Command{Task: Workers, Worker: true, MaxBytes: 100 << 10})
	long := strings.Repeat("x", 90<<10) // more than a pipe holds
	for _, text := range []string{"one", long, "three"} {
		c.send(t, EchoCall, text)
	}
	require.Equal(t, forker.Ready, c.answer(t).Kind)
	for _, text := range []string{"one", long, "three"} {
		require.Equal(t, `"`+text+`"`, string(c.answer(t).Data))
	}
	c.finish(t)
}

func callsGoWrong(t *testing.T, p forker.Processes) {
	c := startWith(t, p, forker.Command{Task: Workers, Worker: true, MaxBytes: 10})
	require.Equal(t, forker.Ready, c.answer(t).Kind)
	c.send(t, FailCall, "x")
	require.Equal(t, forker.Message{Kind: forker.Failed, Text: "no row"}, c.answer(t))
	c.send(t, PanicCall, "x")
	m := c.answer(t)
	require.Equal(t, "p boom", string(rune(m.Kind))+" "+m.Text)
	require.Contains(t, m.Stack, "goroutine ")
	c.send(t, UnknownCall, "x")
	m = c.answer(t)
	require.Equal(t, forker.Refused, m.Kind)
	require.Contains(t, m.Text, "not registered")
	c.send(t, EchoCall, "<<") // which JSON writes as \u003c each
	require.Equal(t, forker.Message{Kind: forker.TooLarge, Size: 14, Limit: 10}, c.answer(t))
	c.finish(t)
}

func setupFails(t *testing.T, p forker.Processes) {
	c := startWith(t, p, forker.Command{Task: Unfit, Worker: true, MaxBytes: 100})
	require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
	require.Equal(t, "no database", c.last(t, forker.Began, forker.Failed).Text)
}

func crashInACall(t *testing.T, p forker.Processes) {
	c := startWorker(t, p)
	c.send(t, CrashCall, "x")
	require.Equal(t, forker.Exit{Code: 3}, c.ended(t))
	require.Equal(t, "bly", c.kinds(), "the messages' kinds")
}

func sendAfterWait(t *testing.T, p forker.Processes) {
	c := startWorker(t, p)
	require.NoError(t, c.Signal(syscall.SIGKILL))
	require.Equal(t, syscall.SIGKILL, c.ended(t).Signal)
	err := c.Send(context.Background(), forker.Message{Kind: forker.Called, Text: EchoCall, Data: []byte(`"x"`)})
	require.ErrorIs(t, err, os.ErrProcessDone)
}

var errStuck = errors.New("the worker takes no calls, and nothing says so")

// deafWorker sends calls to a worker that hangs in one, until it takes none any
// more; processes that take any number are asked for a bounded one.
func deafWorker(t *testing.T, p forker.Processes) {
	c := startWorker(t, p)
	c.send(t, ObeyCall, "x")
	c.awaitReady(t)
	call := forker.Message{Kind: forker.Called, Text: EchoCall, Data: []byte(`"` + strings.Repeat("x", 90<<10) + `"`)}
	for range 40 {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		err := c.Send(ctx, call)
		cancel()
		if err == nil {
			continue
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel = context.WithTimeoutCause(context.Background(), guard, errStuck)
		err = c.Send(ctx, call)
		cancel()
		require.NotErrorIs(t, err, errStuck, "what follows a message that was cut off")
		if err != nil {
			break
		} // else the time was over before there was anything to cut off
	}
	require.NoError(t, c.Signal(syscall.SIGKILL))
	require.Equal(t, syscall.SIGKILL, c.ended(t).Signal)
}

func termEndsWorker(t *testing.T, p forker.Processes) {
	c := startWorker(t, p)
	c.send(t, ObeyCall, "x")
	c.awaitReady(t)
	c.send(t, EchoCall, "never run")
	require.NoError(t, c.Signal(syscall.SIGTERM))
	require.Equal(t, forker.Exit{}, c.ended(t))
	require.Equal(t, "blylrvlr", c.kinds(), "the messages' kinds")
	require.Equal(t, `"x"`, string(c.messages[4].Data))
	require.Equal(t, "torn down", c.messages[6].Text)
}

func termEndsIdleWorker(t *testing.T, p forker.Processes) {
	c := startWorker(t, p)
	require.NoError(t, c.Signal(syscall.SIGTERM))
	require.Equal(t, forker.Exit{}, c.ended(t))
	require.Equal(t, "blyvlr", c.kinds(), "the messages' kinds")
}

func taskIsNoWorker(t *testing.T, p forker.Processes) {
	for _, command := range []forker.Command{{Task: Echo, Worker: true, MaxBytes: 100}, {Task: Workers, MaxBytes: 100}} {
		c := startWith(t, p, command)
		require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
		require.Contains(t, c.last(t, forker.Began, forker.Refused).Text, "a task is not a pool")
	}
}
