package forker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/clock"
	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

// workers is a pool and the methods that the tests call.
type workers struct {
	pool  *forker.Pool
	pid   *forker.Method[none, int]
	twice *forker.Method[string, string]
	fail  *forker.Method[string, none]
	panic *forker.Method[string, none]
	exit  *forker.Method[int, none]
	wait  *forker.Method[none, string] // until it is told to end
	hang  *forker.Method[none, none]
	eat   *forker.Method[int, int]   // bytes of memory, which it keeps
	stop  *forker.Method[none, none] // by SIGSTOP
}

var eaten [][]byte

// newWorkers registers a pool; its set-up and teardown are logged.
func newWorkers(name string, config forker.PoolConfig) workers {
	log := func(text string) func(context.Context, *forker.Child) error {
		return func(_ context.Context, c *forker.Child) error {
			c.Logf("%s", text)
			return nil
		}
	}
	if config.Setup == nil {
		config.Setup = log("set up")
	}
	if config.Teardown == nil {
		config.Teardown = log("torn down")
	}
	p := forker.NewPool(name, config)
	w := workers{pool: p}
	w.pid = forker.NewMethod(p, "pid", func(context.Context, *forker.Child, none) (int, error) { return os.Getpid(), nil })
	w.twice = forker.NewMethod(p, "twice", func(_ context.Context, _ *forker.Child, s string) (string, error) { return s + s, nil })
	w.fail = forker.NewMethod(p, "fail", func(_ context.Context, _ *forker.Child, s string) (none, error) { return none{}, errors.New(s) })
	w.panic = forker.NewMethod(p, "panic", func(_ context.Context, _ *forker.Child, s string) (none, error) { panic(s) })
	w.exit = forker.NewMethod(p, "exit", func(_ context.Context, _ *forker.Child, code int) (none, error) {
		os.Exit(code)
		return none{}, nil
	})
	w.wait = forker.NewMethod(p, "wait", func(ctx context.Context, c *forker.Child, _ none) (string, error) {
		c.Logf("waits")
		<-ctx.Done()
		return "told", nil
	})
	w.hang = forker.NewMethod(p, "hang", func(_ context.Context, c *forker.Child, _ none) (none, error) {
		c.Logf("hangs")
		roletest.Block()
		return none{}, nil
	})
	w.stop = forker.NewMethod(p, "stop", func(context.Context, *forker.Child, none) (none, error) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		roletest.Block()
		return none{}, nil
	})
	w.eat = forker.NewMethod(p, "eat", func(_ context.Context, _ *forker.Child, n int) (int, error) {
		b := make([]byte, n)
		for i := range b {
			b[i] = 1
		}
		eaten = append(eaten, b)
		return os.Getpid(), nil
	})
	return w
}

var (
	one     = newWorkers("one", forker.PoolConfig{Workers: 1, Options: []forker.Option{forker.Grace(0)}})
	two     = newWorkers("two", forker.PoolConfig{Workers: 2})
	hasty   = newWorkers("hasty", forker.PoolConfig{Workers: 1, Timeout: time.Hour, Options: []forker.Option{forker.Grace(0)}})
	small   = newWorkers("small", forker.PoolConfig{Workers: 1, MaxQueue: 1})
	patient = newWorkers("patient", forker.PoolConfig{Workers: 1, MaxQueue: 1, Full: forker.Wait})
	thrice  = newWorkers("thrice", forker.PoolConfig{Workers: 1, RecycleCalls: 3})
	slim    = newWorkers("slim", forker.PoolConfig{Workers: 1, RecycleMemory: 100 << 20})
	unfit   = newWorkers("unfit", forker.PoolConfig{
		Workers: 2,
		Setup:   func(context.Context, *forker.Child) error { return errors.New("no database") },
	})
	again = newWorkers("again", forker.PoolConfig{Workers: 1, Retries: 2})

	onceMore = forker.NewMethod(again.pool, "once more", func(_ context.Context, _ *forker.Child, file string) (int, error) {
		if info, err := os.Stat(file); err == nil && info.Size() == 2 {
			return 3, nil
		}
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		roletest.Must(err)
		_, err = f.WriteString("x")
		roletest.Must(err)
		os.Exit(1)
		return 0, nil
	})

	calls = forker.NewTask("calls", func(ctx context.Context, _ *forker.Child, _ none) (string, error) {
		_, err := two.twice.Call(ctx, new(forker.Group), "x")
		return fmt.Sprint(err), nil
	})
)

func exitInSetup(context.Context, *forker.Child) error {
	os.Exit(3)
	return nil
}

// workerOf returns the PID of a worker of a group.
func workerOf(t *testing.T, g *forker.Group, w workers) int {
	t.Helper()
	pid, err := w.pid.Call(roletest.Within(t), g, none{})
	require.NoError(t, err)
	return pid
}

func poolInfo(t *testing.T, g *forker.Group) forker.PoolInfo {
	t.Helper()
	require.Len(t, g.Pools(), 1)
	return g.Pools()[0]
}

func callError(t *testing.T, err error, mayHaveRun bool) *forker.CallError {
	t.Helper()
	var e *forker.CallError
	require.ErrorAs(t, err, &e)
	require.Equal(t, mayHaveRun, e.MayHaveRun, "%v", err)
	return e
}

func TestACallReturnsItsResult(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	for _, text := range []string{"a", strings.Repeat("x", 3<<20)} {
		got, err := two.twice.Call(roletest.Within(t), w.group, text)
		require.NoError(t, err)
		require.True(t, got == text+text)
	}
	pid := workerOf(t, w.group, two)
	require.NotEqual(t, os.Getpid(), pid)
	require.Equal(t, pid, workerOf(t, w.group, two), "one worker is enough")
	list := w.group.List()
	require.Len(t, list, 1)
	require.Equal(t, "two idle true", fmt.Sprint(list[0].Task, " ", list[0].Doing, " ", list[0].Worker))
	info := poolInfo(t, w.group)
	require.Positive(t, info.P50)
	require.GreaterOrEqual(t, info.P99, info.P50)
	info.P50, info.P99 = 0, 0
	require.Equal(t, forker.PoolInfo{Pool: "two", Workers: 1, Idle: 1, Done: 4}, info)

	require.Nil(t, w.group.Stop(roletest.Within(t)))
	require.Equal(t, []string{"fork two", "log set up", "log torn down", "reap two exit status 0"}, w.all())
}

func TestACallThatGoesWrong(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{MaxBytes: 100})
	var recycled []string
	w.group.OnRecycle = func(i forker.Info, why string) { recycled = append(recycled, i.Task+": "+why) }
	ctx := roletest.Within(t)
	_, err := one.fail.Call(ctx, w.group, "no row")
	var failed *forker.TaskError
	require.ErrorAs(t, err, &failed)
	require.EqualError(t, err, "forker: call fail of pool one: no row")
	_, err = one.twice.Call(ctx, w.group, strings.Repeat("x", 60))
	var size *forker.SizeError
	require.ErrorAs(t, err, &size)
	require.Equal(t, forker.SizeError{What: "result", Size: 122, Limit: 100}, *size)
	_, err = one.twice.Call(ctx, w.group, strings.Repeat("x", 100))
	require.ErrorAs(t, err, &size)
	require.Equal(t, "argument", size.What)
	require.Zero(t, w.count("reap"), "the worker lives on")

	_, err = one.panic.Call(ctx, w.group, "boom")
	var panicked *forker.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Contains(t, panicked.Stack, "pool_test.go")
	workerOf(t, w.group, one)
	require.Equal(t, 1, w.count("reap one exit status 0"), "what panicked was replaced")
	require.Equal(t, []string{"one: its call panicked"}, recycled)
	require.Equal(t, []int64{1, 3, 1, 0}, []int64{
		poolInfo(t, w.group).Done, poolInfo(t, w.group).Failed,
		poolInfo(t, w.group).Recycled, poolInfo(t, w.group).Crashed,
	})
}

func TestAWorkerThatDiesInACall(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	first := workerOf(t, w.group, one)
	_, err := one.exit.Call(roletest.Within(t), w.group, 3)
	require.ErrorIs(t, err, forker.ErrWorkerDied)
	require.Equal(t, first, callError(t, err, true).PID)
	require.ErrorContains(t, err, fmt.Sprintf("exit status 3 without a result; it may have run, on worker PID %d", first))
	require.NotEqual(t, first, workerOf(t, w.group, one))
	require.Equal(t, 1, w.count("failure forker: worker of pool one (PID "))
	require.EqualValues(t, 1, poolInfo(t, w.group).Crashed)
}

func TestACallIsRunOnceMoreIfAsked(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	got, err := onceMore.Call(roletest.Within(t), w.group, t.TempDir()+"/runs")
	require.NoError(t, err)
	require.Equal(t, 3, got)
	require.EqualValues(t, 2, poolInfo(t, w.group).Retried)
	_, err = again.exit.Call(roletest.Within(t), w.group, 3)
	callError(t, err, true)
	require.EqualValues(t, 4, poolInfo(t, w.group).Retried)
	require.Equal(t, 5, w.count("fork again"))
}

func TestACallThatTakesTooLong(t *testing.T) {
	leakFree(t)
	mock := clock.NewMock()
	w := watched(t, &forker.Group{Clock: clockwork.From(mock)})
	first := workerOf(t, w.group, hasty)
	running, err := hasty.hang.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	w.await(t, "log hangs", 1)
	queued, err := hasty.twice.Submit(t.Context(), w.group, "x")
	require.NoError(t, err)
	roletest.Eventually(t, "the end of the call", func() bool {
		mock.Add(time.Minute)
		return running.State() == forker.CallEnded
	})
	roletest.Eventually(t, "the end of its worker", func() bool {
		mock.Add(1)
		return w.count("reap hasty killed by SIGKILL") == 1
	})
	_, err = running.Wait(roletest.Within(t))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, first, callError(t, err, true).PID)
	_, err = queued.Wait(roletest.Within(t))
	if err != nil { // its own time was over at that moment, too
		callError(t, err, false)
	}
	require.Zero(t, w.count("failure"), "the caller knows")
	require.Zero(t, poolInfo(t, w.group).Crashed)
}

func TestACallThatIsCancelled(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	running, err := one.hang.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	w.await(t, "log hangs", 1)
	require.Equal(t, forker.CallRunning, running.State())
	require.Equal(t, "hang", w.group.List()[0].Doing)
	queued, err := one.twice.Submit(t.Context(), w.group, "x")
	require.NoError(t, err)
	last, err := one.twice.Submit(t.Context(), w.group, "y")
	require.NoError(t, err)
	require.Equal(t, forker.CallQueued, queued.State())
	queued.Cancel()
	_, err = queued.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrCanceled)
	callError(t, err, false)
	require.ErrorContains(t, err, "it has not run (1 of 1 workers are busy)")
	running.Cancel()
	running.Cancel()
	<-running.Done()
	require.Equal(t, forker.CallEnded, running.State())
	_, err = running.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrCanceled)
	callError(t, err, true)
	got, err := last.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, "yy", got)
	last.Cancel()
	_, err = last.Wait(roletest.Within(t))
	require.NoError(t, err, "it had ended")

	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() {
		w.await(t, "log hangs", 2)
		cancel(enough)
	}()
	_, err = one.hang.Call(ctx, w.group, none{})
	require.ErrorIs(t, err, enough)
	callError(t, err, true)
}

func TestAFullQueue(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	fill := func(p workers) []*forker.Call[none] {
		a, err := p.hang.Submit(t.Context(), w.group, none{})
		require.NoError(t, err)
		roletest.Eventually(t, "a call that runs", func() bool { return a.State() == forker.CallRunning })
		b, err := p.hang.Submit(t.Context(), w.group, none{})
		require.NoError(t, err)
		return []*forker.Call[none]{a, b}
	}
	fill(small)
	_, err := small.twice.Call(roletest.Within(t), w.group, "x")
	require.ErrorIs(t, err, forker.ErrFull)
	require.EqualError(t, err, "forker: call twice of pool small: too many children: "+
		"1 calls wait for a worker (PoolConfig.MaxQueue) (1 of 1 workers are busy)")

	hung := fill(patient)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = patient.twice.Submit(ctx, w.group, "x")
	require.ErrorIs(t, err, context.Canceled)
	callError(t, err, false)
	submitted := make(chan error, 1)
	go func() {
		c, err := patient.twice.Submit(context.Background(), w.group, "x")
		if err == nil {
			c.Cancel()
		}
		submitted <- err
	}()
	hung[1].Cancel()
	require.NoError(t, <-submitted)
}

func TestWorkersAreRecycled(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	pids := make(map[int]int)
	for range 7 {
		pids[workerOf(t, w.group, thrice)]++
	}
	require.Len(t, pids, 3)
	for _, n := range pids {
		require.LessOrEqual(t, n, 3)
	}
	require.Equal(t, 2, w.count("log torn down"))
	require.Equal(t, 2, w.count("reap thrice exit status 0"))
	require.Zero(t, w.count("failure"))
	require.EqualValues(t, 2, w.group.Pools()[0].Recycled)

	first, err := slim.eat.Call(roletest.Within(t), w.group, 1<<20)
	require.NoError(t, err)
	require.Equal(t, first, workerOf(t, w.group, slim))
	_, err = slim.eat.Call(roletest.Within(t), w.group, 200<<20)
	require.NoError(t, err)
	require.NotEqual(t, first, workerOf(t, w.group, slim))
	require.EqualValues(t, 1, w.group.Pools()[1].Recycled)
}

func TestASetupThatFails(t *testing.T) {
	leakFree(t)
	mock := clock.NewMock()
	w := watched(t, &forker.Group{Clock: clockwork.From(mock)})
	ctx, giveUp := context.WithCancelCause(t.Context())
	called := make(chan error, 1)
	go func() {
		_, err := unfit.twice.Call(ctx, w.group, "x")
		called <- err
	}()
	w.await(t, "fork", 1)
	for failed, pause := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond} {
		roletest.Eventually(t, "a worker that fails", func() bool { return poolInfo(t, w.group).Crashed > int64(failed) })
		require.Equal(t, failed+1, w.count("fork"), "there are pauses")
		before := mock.Now()
		roletest.Eventually(t, "the next worker", func() bool {
			mock.Add(10 * time.Millisecond)
			return w.count("fork") > failed+1
		})
		require.GreaterOrEqual(t, mock.Now().Sub(before), pause)
	}
	roletest.Eventually(t, "a worker that fails", func() bool { return poolInfo(t, w.group).Crashed >= 3 })
	enough := errors.New("enough")
	giveUp(enough)
	err := <-called
	require.ErrorIs(t, err, enough)
	callError(t, err, false)
	require.ErrorContains(t, err, "its set-up: no database")
	require.Positive(t, w.count("failure forker: worker of pool unfit (PID "))

	started := make(chan error, 1)
	go func() { started <- unfit.pool.Start(roletest.Within(t), w.group) }()
	roletest.Eventually(t, "the end of the start", func() bool {
		mock.Add(10 * time.Millisecond)
		return len(started) == 1
	})
	require.ErrorContains(t, <-started, "forker: start the workers of pool unfit: its set-up: no database")
}

func TestWarmWorkersAreReplacedAtOnce(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	require.NoError(t, two.pool.Start(roletest.Within(t), w.group))
	require.Equal(t, 2, w.count("log set up"))
	info := poolInfo(t, w.group)
	require.Equal(t, []int{2, 2}, []int{info.Workers, info.Idle})
	require.NoError(t, syscall.Kill(w.group.List()[0].PID, syscall.SIGKILL))
	w.await(t, "log set up", 3)
	require.NoError(t, syscall.Kill(w.group.List()[0].PID, syscall.SIGTERM))
	w.await(t, "log set up", 4)
	w.await(t, "log torn down", 1)
	require.EqualValues(t, 1, poolInfo(t, w.group).Crashed, "a worker that was told to end has not crashed")
	require.NoError(t, two.pool.Start(roletest.Within(t), w.group), "they are there")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cold := watched(t, &forker.Group{})
	require.ErrorIs(t, two.pool.Start(ctx, cold.group), context.Canceled)
	require.Empty(t, cold.group.List())
}

func TestStopEndsWaitingCallsAndFinishesTheOthers(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	running, err := one.hang.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	w.await(t, "log hangs", 1)
	queued, err := one.twice.Submit(t.Context(), w.group, "x")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan []forker.Info, 1)
	go func() { stopped <- w.group.Stop(ctx) }()
	_, err = queued.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrClosed)
	callError(t, err, false)
	require.Equal(t, forker.CallRunning, running.State(), "it has the rest of the limit")
	_, err = one.twice.Call(roletest.Within(t), w.group, "x")
	require.ErrorIs(t, err, forker.ErrClosed)
	cancel()
	killed := <-stopped
	require.Len(t, killed, 1)
	_, err = running.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrWorkerDied)
	callError(t, err, true)

	w.group.Accept()
	workerOf(t, w.group, one)
}

func TestCallsGoOnWithTheWorkersThatLive(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	first := workerOf(t, w.group, one)
	w.group.Refuse()
	require.Equal(t, first, workerOf(t, w.group, one))
	_, err := one.exit.Call(roletest.Within(t), w.group, 1)
	callError(t, err, true)
	_, err = one.twice.Call(roletest.Within(t), w.group, "x")
	require.ErrorIs(t, err, forker.ErrClosed)
	_, err = two.twice.Call(roletest.Within(t), w.group, "x")
	require.ErrorIs(t, err, forker.ErrClosed, "it has no worker")
}

func TestSIGTERMOfABusyWorkerLetsItAnswer(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	first := workerOf(t, w.group, one)
	running, err := one.wait.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	queued, err := one.pid.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	w.await(t, "log waits", 1)
	require.NoError(t, syscall.Kill(first, syscall.SIGTERM))
	text, err := running.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, "told", text)
	second, err := queued.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, 1, w.count("log torn down"))
}

// caller is a daemon with a worker that is idle, and one in a call that leaves a
// call in the queue, which would leave a trace in the file args[0].
func caller(args []string) {
	group := &forker.Group{OnLog: func(i forker.Info, text string) { fmt.Println(i.PID, text) }}
	roletest.Must(two.pool.Start(context.Background(), group))
	_, err := again.hang.Submit(context.Background(), group, none{})
	roletest.Must(err)
	_, _ = onceMore.Call(context.Background(), group, args[0])
}

func TestWorkersDieWithTheirParent(t *testing.T) {
	trace := t.TempDir() + "/trace"
	cmd := roletest.Command("caller", trace)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	pids := make(map[int]bool)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var pid int
		var text string
		_, err := fmt.Sscan(lines.Text(), &pid, &text)
		require.NoError(t, err)
		pids[pid] = true
		if text == "hangs" {
			break
		}
	}
	require.Len(t, pids, 3)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	for pid := range pids {
		roletest.Eventually(t, fmt.Sprint("the end of ", pid), func() bool { return roletest.Gone(pid) })
	}
	require.NoFileExists(t, trace, "what was in the queue has not run")
}

func TestWhatACallIsFollowedBy(t *testing.T) {
	w := watched(t, &forker.Group{})
	var delivered []func()
	w.group.Deliver = func(f func()) { delivered = append(delivered, f) }
	c, err := two.twice.Submit(t.Context(), w.group, "x")
	require.NoError(t, err)
	var got []string
	note := func(out string, err error) { got = append(got, fmt.Sprint(out, err)) }
	c.Then(note)
	<-c.Done()
	c.Then(note)
	w.group.Stop(roletest.Within(t))
	require.Len(t, delivered, 2)
	for _, f := range delivered {
		f()
	}
	require.Equal(t, []string{"xx<nil>", "xx<nil>"}, got)

	w = watched(t, &forker.Group{})
	c, err = two.twice.Submit(t.Context(), w.group, "y")
	require.NoError(t, err)
	there := make(chan string, 1)
	c.Then(func(out string, _ error) { there <- out })
	require.Equal(t, "yy", <-there)
}

func TestAChildCallsNoWorkers(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := calls.Fork(w.group, none{})
	require.NoError(t, err)
	text, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, "forker: call twice of pool two: "+forker.ErrInChild.Error(), text)
}

func TestBadPoolsAreRefused(t *testing.T) {
	for want, config := range map[string]forker.PoolConfig{
		"its Workers is negative: -1":            {Workers: -1},
		"its Timeout is negative: -1":            {Timeout: -1},
		"its MaxQueue is negative: -1":           {MaxQueue: -1},
		"its Retries is negative: -1":            {Retries: -1},
		"its RecycleCalls is negative: -1":       {RecycleCalls: -1},
		"its RecycleAge is negative: -1":         {RecycleAge: -1},
		"its RecycleMemory is negative: -1":      {RecycleMemory: -1},
		"its Full is 1, neither Refuse nor Wait": {Full: forker.Queue},
		"Grace(-1ns) is negative":                {Options: []forker.Option{forker.Grace(-1)}},
		"Timeout, AtMost and IfFull are no options of a worker: set its Timeout, Workers and Full": {Options: []forker.Option{forker.AtMost(3)}},
		"Nice, Memory, Dir, Env, WithSetup and RecycleMemory need processes: leave out InProcess":  {InProcess: true, Options: []forker.Option{forker.Nice(3)}},
	} {
		require.PanicsWithValue(t, `forker: pool "bad": `+want, func() { forker.NewPool("bad", config) })
	}
	require.PanicsWithValue(t, `forker: two tasks or pools have the name "square": give each a name of its own`,
		func() { forker.NewPool("square", forker.PoolConfig{}) })
	require.Panics(t, func() { forker.NewPool("", forker.PoolConfig{}) })
	require.Panics(t, func() { forker.NewPool(strings.Repeat("x", 300), forker.PoolConfig{}) })
	id := func(_ context.Context, _ *forker.Child, in int) (int, error) { return in, nil }
	require.PanicsWithValue(t, `forker: two methods of pool "two" have the name "pid"`, func() { forker.NewMethod(two.pool, "pid", id) })
	require.PanicsWithValue(t, `forker: method "nil" of pool "two" has no function`, func() { forker.NewMethod[int, int](two.pool, "nil", nil) })
	require.Panics(t, func() { forker.NewMethod(two.pool, "\n", id) })

	late := forker.NewMethod(two.pool, lateName(t), id) // not in the worker
	w := watched(t, &forker.Group{})
	_, err := late.Call(roletest.Within(t), w.group, 1)
	require.ErrorContains(t, err, "it is not registered in the worker: call forker.NewMethod at package level")
	wrong := watched(t, &forker.Group{Max: -1})
	c, err := one.twice.Submit(t.Context(), wrong.group, "x")
	require.NoError(t, err)
	roletest.Eventually(t, "a worker that cannot be started", func() bool { return poolInfo(t, wrong.group).Crashed > 0 })
	c.Cancel()
	_, err = c.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "it has not run (there is no worker; the last one failed: Group.Max is negative: -1)")
	var kinds []string
	for _, s := range []forker.CallState{forker.CallQueued, forker.CallRunning, forker.CallEnded} {
		kinds = append(kinds, s.String())
	}
	require.True(t, slices.Equal([]string{"queued", "running", "ended"}, kinds))
}
