package forker_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/forkertest"
	"github.com/evertick/evertick/forker/internal/roletest"
)

func TestOSConforms(t *testing.T) {
	forkertest.Run(t, forkertest.Subject{New: func(*testing.T) forker.Processes { return forker.OS{} }})
}

// forkHung forks n children that go on until they are told to end, or killed.
func forkHung(t *testing.T, w *witness, task *forker.Task[none, none], n int) (handles []*forker.Handle[none]) {
	t.Helper()
	before := w.count("log there")
	for range n {
		h, err := task.Fork(w.group, none{})
		require.NoError(t, err)
		handles = append(handles, h)
	}
	w.await(t, "log there", before+n)
	return handles
}

func TestAFullGroupRefuses(t *testing.T) {
	w := watched(t, &forker.Group{Max: 2})
	forkHung(t, w, waits, 2)
	_, err := square.Fork(w.group, 1)
	require.ErrorIs(t, err, forker.ErrFull)
	require.EqualError(t, err, "forker: fork task square: too many children: 2 run (Group.Max)")
	w.group.Stop(roletest.Within(t))
	w.group.Accept()
	h, err := square.Fork(w.group, 3)
	require.NoError(t, err)
	n, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, 9, n)
}

func TestALimitOfOneTask(t *testing.T) {
	w := watched(t, &forker.Group{})
	_, err := waits.Fork(w.group, none{}, forker.AtMost(1))
	require.NoError(t, err)
	_, err = waits.Fork(w.group, none{}, forker.AtMost(1))
	require.ErrorContains(t, err, "too many children: 1 run this task (AtMost)")
	h, err := square.Fork(w.group, 3)
	require.NoError(t, err, "the limit is not that of other tasks")
	_, err = h.Wait(roletest.Within(t))
	require.NoError(t, err)
}

func TestQueuedChildrenStartInTheirTurn(t *testing.T) {
	w := watched(t, &forker.Group{Max: 1, Full: forker.Queue, MaxQueue: 2})
	first := forkHung(t, w, waits, 1)[0]
	second, err := square.Fork(w.group, 2)
	require.NoError(t, err)
	third, err := echo.Fork(w.group, pair{Name: "x"})
	require.NoError(t, err)
	_, err = noop.Fork(w.group, none{})
	require.ErrorIs(t, err, forker.ErrFull)
	require.ErrorContains(t, err, "2 wait to be started (Group.MaxQueue)")

	require.Zero(t, second.PID())
	require.True(t, second.Started().IsZero())
	states := func() (text []string) {
		for _, i := range w.group.List() {
			text = append(text, fmt.Sprint(i.Task, " ", i.State))
		}
		return text
	}
	require.Equal(t, []string{"waits running", "square queued", "echo queued"}, states())
	first.Kill()
	_, err = third.Wait(roletest.Within(t))
	require.NoError(t, err)
	n, err := second.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Positive(t, second.PID())
	var order []string
	for _, note := range w.all() {
		if strings.HasPrefix(note, "fork") || strings.HasPrefix(note, "reap") {
			order = append(order, note)
		}
	}
	require.Equal(t, []string{
		"fork waits", "reap waits killed by SIGKILL", "fork square", "reap square exit status 0",
		"fork echo", "reap echo exit status 0",
	}, order)
}

func TestAQueuedChildIsKilledOrRefused(t *testing.T) {
	w := watched(t, &forker.Group{Max: 1, Full: forker.Queue})
	forkHung(t, w, waits, 1)
	killed, err := square.Fork(w.group, 2)
	require.NoError(t, err)
	refused, err := square.Fork(w.group, 3)
	require.NoError(t, err)
	killed.Kill()
	_, err = killed.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrKilled)
	w.group.Refuse()
	_, err = refused.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrClosed)
	_, ended := refused.Exit()
	require.False(t, ended, "it never was")
}

func TestForkWaitsForItsTurn(t *testing.T) {
	w := watched(t, &forker.Group{Max: 1, Full: forker.Wait})
	first := forkHung(t, w, waits, 1)[0]
	forked := make(chan error, 2)
	wait := func() {
		h, err := square.Fork(w.group, 2)
		if err == nil {
			_, err = h.Wait(roletest.Within(t))
		}
		forked <- err
	}
	go wait()
	roletest.Eventually(t, "queued", func() bool { return len(w.group.List()) == 2 })
	require.Empty(t, forked)
	first.Kill()
	require.NoError(t, <-forked)

	forkHung(t, w, stubborn, 1)
	go wait()
	roletest.Eventually(t, "queued", func() bool { return len(w.group.List()) == 2 })
	w.group.Refuse()
	require.ErrorIs(t, <-forked, forker.ErrClosed)
	require.Zero(t, w.count("failure"), "Fork itself returned it")
}

func TestATimeoutEndsAChild(t *testing.T) {
	mock := clock.NewMock()
	w := watched(t, &forker.Group{Clock: clockwork.From(mock), Timeout: time.Hour})
	for _, test := range []struct {
		task  *forker.Task[none, none]
		grace time.Duration
		exit  forker.Exit
	}{
		{waits, 1000 * time.Hour, forker.Exit{Code: 1}},
		{stubborn, time.Minute, forker.Exit{Code: -1, Signal: syscall.SIGKILL}},
		{stubborn, 0, forker.Exit{Code: -1, Signal: syscall.SIGKILL}},
	} {
		there := w.count("log there") + 1
		h, err := test.task.Fork(w.group, none{}, forker.Grace(test.grace))
		require.NoError(t, err)
		w.await(t, "log there", there)
		roletest.Eventually(t, "SIGTERM", func() bool {
			mock.Add(10 * time.Minute)
			return h.Info().State >= forker.Told
		})
		roletest.Eventually(t, "the end", func() bool {
			mock.Add(time.Second)
			_, ended := h.Exit()
			return ended
		})
		_, err = h.Wait(roletest.Within(t))
		var timeout *forker.TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no result within its time-out of 1h0m0s")
		require.Equal(t, test.exit, timeout.Exit)
		if test.exit.Signal != 0 {
			require.GreaterOrEqual(t, h.Info().Age, time.Hour+test.grace)
		}
	}
}

func TestStopEndsAllTogether(t *testing.T) {
	w := watched(t, &forker.Group{Grace: time.Hour})
	forkHung(t, w, waits, 3)
	forkHung(t, w, stubborn, 17)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan []forker.Info, 1)
	go func() { stopped <- w.group.Stop(ctx) }()
	w.await(t, "reap waits", 3)
	roletest.Eventually(t, "their places", func() bool { return len(w.group.List()) == 17 })
	require.Empty(t, stopped, "the others have until the limit")
	cancel()
	killed := <-stopped
	require.Len(t, killed, 17)
	for _, i := range killed {
		require.Equal(t, "stubborn", i.Task)
		require.Equal(t, forker.Ended, i.State)
		require.ErrorIs(t, syscall.Kill(i.PID, 0), syscall.ESRCH)
	}
	require.Empty(t, w.group.List())
	require.Equal(t, 20, w.count("reap"))
	require.Zero(t, w.count("failure"), "they were told to end")
	_, err := square.Fork(w.group, 1)
	require.ErrorIs(t, err, forker.ErrClosed)
	require.Nil(t, w.group.Stop(ctx), "nothing is left")
}

// A stop that goes on when the group accepts children again is not for those.
func TestStopEndsNoChildThatCameLater(t *testing.T) {
	w := watched(t, &forker.Group{})
	old := forkHung(t, w, stubborn, 1)[0]
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan []forker.Info, 1)
	go func() { stopped <- w.group.Stop(ctx) }()
	roletest.Eventually(t, "SIGTERM", func() bool { return old.Info().State == forker.Told })
	w.group.Accept()
	later := forkHung(t, w, waits, 1)[0]
	cancel()
	killed := <-stopped
	require.Len(t, killed, 1)
	require.Equal(t, old.PID(), killed[0].PID)
	require.Equal(t, forker.Running, later.Info().State)

	go func() { stopped <- w.group.Stop(context.Background()) }()
	roletest.Eventually(t, "SIGTERM", func() bool { return later.Info().State != forker.Running })
	require.Nil(t, <-stopped)
}

func TestBadInputIsRefused(t *testing.T) {
	var group forker.Group
	for _, o := range []forker.Option{
		forker.Timeout(0), forker.Timeout(-1), forker.Grace(-1), forker.AtMost(-1), forker.Memory(-1),
		forker.Nice(40), forker.IfFull(9), forker.Env("no value"), forker.Env("=x"), forker.Env("A=\x00"),
	} {
		_, err := square.Fork(&group, 1, o)
		require.ErrorContains(t, err, "forker: fork task square: ")
		t.Log(err)
	}
	for _, g := range []*forker.Group{
		{Max: -1}, {MaxQueue: -1}, {Timeout: -1}, {Grace: -1}, {MaxBytes: -1}, {MaxLine: -1},
	} {
		_, err := square.Fork(g, 1)
		require.ErrorContains(t, err, " is negative: -1")
	}
	require.PanicsWithValue(t, `forker: two tasks or pools have the name "square": give each a name of its own`, func() {
		forker.NewTask("square", func(context.Context, *forker.Child, int) (int, error) { return 0, nil })
	})
	require.PanicsWithValue(t, "forker: a task needs a name: it is empty", func() {
		forker.NewTask("", func(context.Context, *forker.Child, int) (int, error) { return 0, nil })
	})
	require.PanicsWithValue(t, `forker: task "x": Timeout(0s) is not positive`, func() {
		forker.NewTask("x", func(context.Context, *forker.Child, int) (int, error) { return 0, nil }, forker.Timeout(0))
	})
	require.PanicsWithValue(t, `forker: task "x" has no function`, func() { forker.NewTask[int, int]("x", nil) })
	late := forker.NewTask(lateName(t), func(context.Context, *forker.Child, func()) (int, error) { return 0, nil })
	_, err := late.Fork(&group, func() {})
	require.EqualError(t, err, "forker: fork task "+late.Name()+": its argument (func()) cannot be encoded: json: unsupported type: func()")
	require.Empty(t, group.List())
}

var lateNames atomic.Int64

// lateName returns a name that no other task or method of this process has, also
// where the tests are run again and again.
func lateName(t *testing.T) string { return fmt.Sprint(t.Name(), " ", lateNames.Add(1)) }

func TestATaskRegisteredTooLateIsExplained(t *testing.T) {
	w := watched(t, &forker.Group{})
	late := forker.NewTask(lateName(t), func(context.Context, *forker.Child, int) (int, error) { return 0, nil })
	h, err := late.Fork(w.group, 1)
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "it is not registered in the child: call forker.NewTask or NewPool at package level")
}
