// Package forkertest is the conformance suite of package forker: what every
// [forker.Processes] must do, be it the real one or a fake.
//
//	func TestMyProcessesConform(t *testing.T) {
//		forkertest.Run(t, forkertest.Subject{
//			New: func(t *testing.T) forker.Processes { … },
//			In:  synctest.Test,
//		})
//	}
//
// The test binary of real processes calls forker.Main in its TestMain.
package forkertest

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
)

// guard is the longest wait for something that must happen.
const guard = time.Minute

// Subject is the processes to be tested.
type Subject struct {
	// New returns them. It is called once for each case.
	New func(t *testing.T) forker.Processes

	// In runs each case, as synctest.Test does for processes that belong into
	// a bubble. Nil runs it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

// Run tests the subject, each promise of forker.Processes in a subtest of its
// own.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, p forker.Processes)
	}{
		{"a result comes back", resultComesBack},
		{"a missing working directory is refused", missingFolder},
		{"an error comes back", errorComesBack},
		{"a panic comes back", panicComesBack},
		{"a crash leaves no outcome", crashLeavesNone},
		{"what is printed arrives before Wait returns", printedArrives},
		{"messages keep their order", messagesKeepOrder},
		{"SIGTERM ends the task's context", termIsTold},
		{"SIGKILL ends what ignores SIGTERM", killEnds},
		{"nobody is signalled after Wait", signalAfterWait},
		{"a process that is left behind holds up nothing", grandchildHoldsNothing},
		{"a result that is too large is named", tooLarge},
		{"a task that is not registered is refused", unknown},
		{"children that live at once differ in number", numbersDiffer},
		{"a worker answers its calls and finishes", workerAnswers},
		{"calls that wait are run one after the other", callsWait},
		{"a call that goes wrong ends no worker", callsGoWrong},
		{"a worker whose set-up fails takes no call", setupFails},
		{"a worker that crashes in a call has no answer", crashInACall},
		{"nothing can be sent after Wait", sendAfterWait},
		{"a worker that takes no calls blocks no sender for ever", deafWorker},
		{"SIGTERM lets a worker answer and tear down", termEndsWorker},
		{"SIGTERM ends a worker that waits for a call", termEndsIdleWorker},
		{"a task is no worker", taskIsNoWorker},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) { c.test(t, s.New(t)) }
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
}

// child is a child and what it wrote. Its fields may be read when ended has
// returned.
type child struct {
	forker.Process
	stdout, stderr strings.Builder
	messages       []forker.Message
	ready          chan struct{}       // closed when it logs "ready"
	answers        chan forker.Message // what a worker answers, and Ready
}

// start starts a task with the argument "x".
func start(t *testing.T, p forker.Processes, task string) *child {
	t.Helper()
	return startWith(t, p, forker.Command{Task: task, MaxBytes: 100})
}

func startWith(t *testing.T, p forker.Processes, command forker.Command) *child {
	t.Helper()
	c := &child{ready: make(chan struct{}), answers: make(chan forker.Message, 100)}
	if !command.Worker {
		command.Input = []byte(`"x"`)
	}
	command.Stdout, command.Stderr = &c.stdout, &c.stderr
	command.Message = func(m forker.Message) {
		c.messages = append(c.messages, m)
		if m.Kind == forker.Logged && m.Text == "ready" {
			close(c.ready)
		}
		switch m.Kind {
		case forker.Began, forker.Logged, forker.Alerted:
		default:
			c.answers <- m
		}
	}
	process, err := p.Start(command)
	require.NoError(t, err)
	c.Process = process
	return c
}

// awaitReady waits until the child has logged "ready".
func (c *child) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-c.ready:
	case <-time.After(guard):
		require.FailNow(t, "the child is not ready")
	}
}

// ended waits for the end.
func (c *child) ended(t *testing.T) forker.Exit {
	t.Helper()
	exit := make(chan forker.Exit, 1)
	go func() { exit <- c.Wait() }()
	select {
	case e := <-exit:
		return e
	case <-time.After(guard):
		_ = c.Signal(syscall.SIGKILL)
		require.FailNow(t, "Wait does not return")
	}
	return forker.Exit{}
}

// kinds are the kinds of the messages.
func (c *child) kinds() string {
	var kinds strings.Builder
	for _, m := range c.messages {
		kinds.WriteByte(byte(m.Kind))
	}
	return kinds.String()
}

// last is the last message.
func (c *child) last(t *testing.T, kinds ...forker.MessageKind) forker.Message {
	t.Helper()
	var want strings.Builder
	for _, k := range kinds {
		want.WriteByte(byte(k))
	}
	require.Equal(t, want.String(), c.kinds(), "the messages' kinds")
	return c.messages[len(c.messages)-1]
}

func resultComesBack(t *testing.T, p forker.Processes) {
	c := start(t, p, Echo)
	require.Positive(t, c.PID())
	require.Equal(t, forker.Exit{}, c.ended(t))
	require.Equal(t, `"x"`, string(c.last(t, forker.Began, forker.Returned).Data))
}

func missingFolder(t *testing.T, p forker.Processes) {
	_, err := p.Start(forker.Command{Task: Echo, Dir: "/no/such/folder", MaxBytes: 100})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "/no/such/folder")
}

func errorComesBack(t *testing.T, p forker.Processes) {
	c := start(t, p, Fail)
	require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
	require.Equal(t, "no database", c.last(t, forker.Began, forker.Failed).Text)
}

func panicComesBack(t *testing.T, p forker.Processes) {
	c := start(t, p, Panic)
	require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
	m := c.last(t, forker.Began, forker.Panicked)
	require.Equal(t, "boom", m.Text)
	require.Contains(t, m.Stack, "goroutine ")
}

func crashLeavesNone(t *testing.T, p forker.Processes) {
	c := start(t, p, Crash)
	require.Equal(t, forker.Exit{Code: 3}, c.ended(t))
	c.last(t, forker.Began)
}

func printedArrives(t *testing.T, p forker.Processes) {
	c := start(t, p, Print)
	c.ended(t)
	require.Equal(t, "one\ntwo", c.stdout.String())
	require.Equal(t, "three", c.stderr.String())
}

func messagesKeepOrder(t *testing.T, p forker.Processes) {
	c := start(t, p, Say)
	c.ended(t)
	c.last(t, forker.Began, forker.Logged, forker.Alerted, forker.Logged, forker.Returned)
	require.Equal(t, "first second third", fmt.Sprint(c.messages[1].Text, " ", c.messages[2].Text, " ", c.messages[3].Text))
}

func termIsTold(t *testing.T, p forker.Processes) {
	c := start(t, p, Obey)
	c.awaitReady(t)
	require.NoError(t, c.Signal(syscall.SIGTERM))
	require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
	require.Equal(t, "told", c.last(t, forker.Began, forker.Logged, forker.Failed).Text)
}

func killEnds(t *testing.T, p forker.Processes) {
	c := start(t, p, Stubborn)
	c.awaitReady(t)
	require.NoError(t, c.Signal(syscall.SIGTERM))
	require.NoError(t, c.Signal(syscall.SIGKILL))
	require.Equal(t, forker.Exit{Code: -1, Signal: syscall.SIGKILL}, c.ended(t))
	c.last(t, forker.Began, forker.Logged)
}

func signalAfterWait(t *testing.T, p forker.Processes) {
	c := start(t, p, Echo)
	c.ended(t)
	require.ErrorIs(t, c.Signal(syscall.SIGTERM), os.ErrProcessDone)
}

func grandchildHoldsNothing(t *testing.T, p forker.Processes) {
	c := start(t, p, Grandchild)
	require.Equal(t, forker.Exit{}, c.ended(t))
	c.last(t, forker.Began, forker.Returned)
}

func tooLarge(t *testing.T, p forker.Processes) {
	c := startWith(t, p, forker.Command{Task: Echo, MaxBytes: 2})
	require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
	m := c.last(t, forker.Began, forker.TooLarge)
	require.Equal(t, []int{3, 2}, []int{m.Size, m.Limit})
}

func unknown(t *testing.T, p forker.Processes) {
	c := start(t, p, Unknown)
	require.Equal(t, forker.Exit{Code: 1}, c.ended(t))
	require.Contains(t, c.last(t, forker.Began, forker.Refused).Text, "not registered")
}

func numbersDiffer(t *testing.T, p forker.Processes) {
	first, second := start(t, p, Obey), start(t, p, Obey)
	require.NotEqual(t, first.PID(), second.PID())
	for _, c := range []*child{first, second} {
		_ = c.Signal(syscall.SIGKILL)
		require.Equal(t, syscall.SIGKILL, c.ended(t).Signal)
	}
}
