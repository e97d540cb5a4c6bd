package forker_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

// sending is real processes whose first call is sent by a function.
type sending struct {
	forker.OS
	first func(ctx context.Context, p forker.Process) error
	calls atomic.Int32
}

func (s *sending) Start(c forker.Command) (forker.Process, error) {
	p, err := s.OS.Start(c)
	return &sendingProcess{p, s}, err
}

type sendingProcess struct {
	forker.Process
	sending *sending
}

func (p *sendingProcess) Send(ctx context.Context, m forker.Message) error {
	if m.Kind == forker.Called && p.sending.calls.Add(1) == 1 {
		return p.sending.first(ctx, p.Process)
	}
	return p.Process.Send(ctx, m)
}

// A call that could not be sent has not run, and goes to another worker: also
// where the end of the first one is noticed before.
func TestACallThatWasNotSentGoesToAnotherWorker(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	var first int
	w.group.Processes = &sending{first: func(_ context.Context, p forker.Process) error {
		first = p.PID()
		_ = p.Signal(syscall.SIGKILL)
		w.await(t, "reap", 1)
		return errors.New("broken pipe")
	}}
	_, err := one.twice.Call(roletest.Within(t), w.group, strings.Repeat("x", 100<<10))
	require.NoError(t, err)
	require.NotEqual(t, first, w.group.List()[0].PID)
}

// One that is taken by nobody ends its worker, and goes to another.
func TestAWorkerThatTakesNoCallIsReplaced(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	w.group.Processes = &sending{first: func(context.Context, forker.Process) error { return errors.New("broken pipe") }}
	_, err := one.pid.Call(roletest.Within(t), w.group, none{})
	require.NoError(t, err)
	require.Equal(t, 1, w.count("reap"))
}

// One that is given up while it is sent has ended, and goes nowhere.
func TestACallThatIsGivenUpWhileItIsSent(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	there := make(chan struct{})
	w.group.Processes = &sending{first: func(ctx context.Context, _ forker.Process) error {
		close(there)
		<-ctx.Done()
		return context.Cause(ctx)
	}}
	var ends atomic.Int32
	w.group.Deliver = func(f func()) { f() }
	c, err := one.twice.Submit(t.Context(), w.group, strings.Repeat("x", 100<<10))
	require.NoError(t, err)
	c.Then(func(string, error) { ends.Add(1) })
	<-there
	require.Equal(t, "twice", w.group.List()[0].Doing)
	c.Cancel()
	_, err = c.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrCanceled)
	callError(t, err, true)
	_, err = one.pid.Call(roletest.Within(t), w.group, none{})
	require.NoError(t, err)
	require.EqualValues(t, 1, ends.Load())
	info := poolInfo(t, w.group)
	require.Equal(t, []int64{1, 1}, []int64{info.Done, info.Failed})
}
