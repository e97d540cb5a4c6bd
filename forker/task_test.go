package forker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

// witness notes what a group reports.
type witness struct {
	mu    sync.Mutex
	notes []string
	group *forker.Group
}

// watched returns a group whose reports are noted, and which has no child left
// when the test ends.
func watched(t *testing.T, g *forker.Group) *witness {
	w := &witness{group: g}
	g.OnFork = func(i forker.Info) { w.note("fork %s", i.Task) }
	g.OnLine = func(i forker.Info, text string) { w.note("line %s", text) }
	g.OnLog = func(i forker.Info, text string) { w.note("log %s", text) }
	g.OnAlert = func(i forker.Info, text string) { w.note("alert %s", text) }
	g.OnReap = func(i forker.Info, _ error) { w.note("reap %s %v", i.Task, i.Exit) }
	g.OnFailure = func(i forker.Info, err error) { w.note("failure %v", err) }
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		g.Stop(ctx)
		roletest.Eventually(t, "no child", func() bool { return len(g.List()) == 0 })
	})
	return w
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

func (w *witness) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.notes...)
}

// count returns how many notes have a beginning.
func (w *witness) count(beginning string) (n int) {
	for _, note := range w.all() {
		if strings.HasPrefix(note, beginning) {
			n++
		}
	}
	return n
}

// await waits for n notes with a beginning.
func (w *witness) await(t *testing.T, beginning string, n int) {
	t.Helper()
	roletest.Eventually(t, beginning, func() bool { return w.count(beginning) >= n })
}

func TestATaskReturnsItsResult(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := square.Fork(w.group, 12)
	require.NoError(t, err)
	require.Positive(t, h.PID())
	require.False(t, h.Started().IsZero())
	n, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, 144, n)
	exit, ended := h.Exit()
	require.True(t, ended)
	require.Equal(t, forker.Exit{}, exit)
	require.Equal(t, []string{"fork square", "reap square exit status 0"}, w.all())
	require.ErrorIs(t, syscall.Kill(h.PID(), 0), syscall.ESRCH, "it was reaped")
}

func TestArgumentsAndResultsOfAnySize(t *testing.T) {
	w := watched(t, &forker.Group{})
	p := pair{"größe", bytes.Repeat([]byte{0, 1, 2, 255}, 3<<20)} // 16 MB of JSON
	h, err := echo.Fork(w.group, p)
	require.NoError(t, err)
	got, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.True(t, p.Name == got.Name && bytes.Equal(p.Bin, got.Bin))
}

func TestWhatIsTooLargeNamesTheLimit(t *testing.T) {
	w := watched(t, &forker.Group{MaxBytes: 100})
	_, err := echo.Fork(w.group, pair{Name: strings.Repeat("x", 100)})
	require.EqualError(t, err, "forker: fork task echo: its argument has 122 bytes of JSON, "+
		"more than the limit of 100: raise Group.MaxBytes, or hand over a file's name")

	h, err := looks.Fork(w.group, none{})
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	var size *forker.SizeError
	require.ErrorAs(t, err, &size)
	require.Equal(t, "result", size.What)
	require.Equal(t, 100, size.Limit)
	require.Greater(t, size.Size, 100)
}

func TestAFailureKeepsItsText(t *testing.T) {
	w := watched(t, &forker.Group{Max: 1, Full: forker.Queue})
	first := forkHung(t, w, waits, 1)[0]
	h, err := fails.Fork(w.group, "no database")
	require.NoError(t, err)
	done := h.Done() // waited for before it starts
	first.Kill()
	<-done
	_, err = h.Wait(roletest.Within(t))
	var failure *forker.TaskError
	require.ErrorAs(t, err, &failure)
	require.EqualError(t, err, fmt.Sprintf("forker: task fails (PID %d): no database", h.PID()))
	require.Zero(t, w.count("failure"), "somebody waited for it")
}

func TestAFailureThatNobodyWaitsForIsReported(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := fails.Fork(w.group, "no database")
	require.NoError(t, err)
	w.await(t, "failure", 1)
	require.Equal(t, fmt.Sprintf("failure forker: task fails (PID %d): no database", h.PID()), w.all()[2])
}

func TestAPanicComesBackWithItsStack(t *testing.T) {
	w := watched(t, &forker.Group{})
	for how, where := range map[string]string{"boom": "main_test.go", "elsewhere": "main_test.go"} {
		h, err := panics.Fork(w.group, how)
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		var panicked *forker.PanicError
		require.ErrorAs(t, err, &panicked)
		require.True(t, strings.HasPrefix(panicked.Value, "boom"), panicked.Value)
		require.Contains(t, panicked.Stack, where)
		require.ErrorContains(t, err, "goroutine ")
	}
	h, err := panics.Fork(w.group, "goexit")
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "runtime.Goexit")
}

func TestAnEndWithoutAResult(t *testing.T) {
	w := watched(t, &forker.Group{})
	wait := func(h *forker.Handle[none], err error) *forker.ExitError {
		t.Helper()
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		var exit *forker.ExitError
		require.ErrorAs(t, err, &exit)
		require.True(t, exit.Began)
		return exit
	}
	h, err := exits.Fork(w.group, 3)
	require.Equal(t, "exit status 3 without a result\n\tlast words", wait(h, err).Error())
	h, err = exits.Fork(w.group, 0)
	require.ErrorContains(t, wait(h, err), "did its function call os.Exit?")
	h, err = dies.Fork(w.group, syscall.SIGKILL)
	require.Equal(t, "killed by SIGKILL without a result", wait(h, err).Error())
	h, err = closes.Fork(w.group, []int{4})
	require.Equal(t, forker.Exit{}, wait(h, err).Exit)
}

// What looks like a crash, or like a lack of memory, is one where it can be.
func TestWhatAChildOnlySeemsToDieOf(t *testing.T) {
	w := watched(t, &forker.Group{})
	for _, said := range []string{"panic: no", "fatal error: no", "cannot allocate memory"} {
		h, err := laments.Fork(w.group, said)
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		var exit *forker.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 3, exit.Exit.Code)
		require.Equal(t, said, exit.Stderr)
	}
}

func TestAChildWhoseMainEndsEarlyNamesTheMissingLine(t *testing.T) {
	w := watched(t, &forker.Group{})
	for _, code := range []string{"x", "xx"} {
		h, err := square.Fork(w.group, 2, forker.Env("TEST_NEVER_REACHES_MAIN="+code))
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		require.ErrorContains(t, err, "call forker.Main() as the first line of main, or of TestMain")
		require.ErrorContains(t, err, fmt.Sprintf("exit status %d", len(code)))
		require.ErrorContains(t, err, "\tan unknown flag")
	}
}

func TestWhatAChildSays(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := speaks.Fork(w.group, 3)
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, []string{
		"fork speaks", "log line 0 of speaks", "log line 1 of speaks", "log line 2 of speaks",
		"alert disk 97% full", "reap speaks exit status 0",
	}, w.all())
}

func TestWaitReturnsWhenItsContextIsDone(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := waits.Fork(w.group, none{})
	require.NoError(t, err)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(enough)
	_, err = h.Wait(ctx)
	require.ErrorIs(t, err, enough)
	_, ended := h.Exit()
	require.False(t, ended)
	h.Kill()
	_, err = h.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrKilled)
	require.ErrorContains(t, err, "killed by SIGKILL")
}

func TestAChildForksNoTasks(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := forks.Fork(w.group, none{})
	require.NoError(t, err)
	text, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, "forker: fork task square: "+forker.ErrInChild.Error(), text)
}

func TestWhatAChildSeesOfItself(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := looks.Fork(w.group, none{}, forker.Dir("/"), forker.Env("COLOR=blue"), forker.Env("COLOR=red"), forker.Nice(3))
	require.NoError(t, err)
	s, err := h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Equal(t, "/", s.Dir)
	require.Equal(t, "red", s.Color)
	require.Equal(t, []string{"task", "looks"}, s.Args[1:])
	require.True(t, s.Group, "a process group of its own")
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	require.NoError(t, err)
	require.Equal(t, 20-raw+3, s.Nice)
	require.NotContains(t, s.Environment, "EVERTICK")
	require.NotContains(t, s.GrandchildEnvironment, "EVERTICK")
}

// steps is what a task of its own steps did, for its error or its result.
var (
	stepped []string

	steps = forker.NewTask("steps", func(_ context.Context, c *forker.Child, fail string) (string, error) {
		stepped = append(stepped, "runs")
		switch fail {
		case "run":
			return "", errors.New("no row")
		case "panic":
			panic("boom")
		}
		return strings.Join(stepped, ", "), nil
	}, forker.CheckEnvironment(step("environment")), forker.SetUp(step("set-up")), forker.TearDown(step("teardown")))
)

// step notes what it is, and fails where the environment says so.
func step(name string) func(context.Context, *forker.Child) error {
	return func(_ context.Context, c *forker.Child) error {
		stepped = append(stepped, name)
		c.Logf("%s", name)
		if os.Getenv("TEST_FAILS") == name {
			return errors.New("no " + name)
		}
		return nil
	}
}

func TestATaskHasStepsOfItsOwn(t *testing.T) {
	for _, test := range []struct{ fails, in, result, err, logs string }{
		{"", "", "environment, set-up, runs", "", "environment, set-up, teardown"},
		{"environment", "", "", "its environment: no environment", "environment"},
		{"set-up", "", "", "its set-up: no set-up", "environment, set-up"},
		{"teardown", "", "", "its teardown: no teardown", "environment, set-up, teardown"},
		{"teardown", "run", "", "no row", "environment, set-up, teardown"},
		{"", "panic", "", "panic: boom", "environment, set-up, teardown"},
	} {
		w := watched(t, &forker.Group{})
		h, err := steps.Fork(w.group, test.in, forker.Env("TEST_FAILS="+test.fails))
		require.NoError(t, err)
		got, err := h.Wait(roletest.Within(t))
		require.Equal(t, test.result, got)
		if test.err == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "): "+test.err)
		}
		var logs []string
		for _, note := range w.all() {
			if text, ok := strings.CutPrefix(note, "log "); ok {
				logs = append(logs, text)
			}
		}
		require.Equal(t, test.logs, strings.Join(logs, ", "))
	}
	_, err := steps.Fork(new(forker.Group), "", forker.SetUp(step("late")))
	require.ErrorContains(t, err, "CheckEnvironment, SetUp and TearDown are options of NewTask")
}

// What runs at the start of each child comes first, and can refuse it.
func TestWhatRunsAtTheStartOfAChild(t *testing.T) {
	for _, test := range []struct{ start, err, logs string }{
		{"logs", "", "log first of steps, log second of steps, log environment, log set-up, log teardown"},
		{"first", "): at its start: no first", ""},
		{"second", "): at its start: no second", "log first of steps"},
		{"panic", "): panic: boom", ""},
	} {
		w := watched(t, &forker.Group{})
		h, err := steps.Fork(w.group, "", forker.Env("TEST_AT_START="+test.start))
		require.NoError(t, err)
		_, err = h.Wait(roletest.Within(t))
		if test.err == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, test.err)
		}
		logs := slices.DeleteFunc(w.all(), func(note string) bool { return !strings.HasPrefix(note, "log ") })
		require.Equal(t, test.logs, strings.Join(logs, ", "))
	}
	require.Panics(t, func() { forker.AtStart(nil) })
	w := watched(t, &forker.Group{Options: []forker.Option{forker.Env("TEST_AT_START=logs")}})
	workerOf(t, w.group, one)
	require.Equal(t, []string{"fork one", "log first of one", "log second of one", "log set up"}, w.all())
}

// A child of a program that is no daemon has no Setup to run.
func TestAChildWithoutADaemonRunsNoSetup(t *testing.T) {
	w := watched(t, &forker.Group{})
	h, err := square.Fork(w.group, 2, forker.WithSetup())
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "the daemon's Setup in the child: it has no daemon whose Setup could be run (WithSetup)")
}
