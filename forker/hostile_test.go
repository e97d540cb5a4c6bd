package forker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
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

// node is a value that may be deep, or a cycle.
type node struct{ Next *node }

// grudge panics where it is encoded, or asked for its text.
type grudge struct{}

func (grudge) MarshalJSON() ([]byte, error) { panic("a grudge") }
func (grudge) Error() string                { panic("a grudge") }

// hostilities are what the task hostile does, and what becomes of it: a part of its
// error, or of its result where there is none.
var hostilities = map[string]struct {
	does   func(ctx context.Context) (any, error)
	ends   string
	limits []forker.Option
}{
	"a result that is no number": {
		func(context.Context) (any, error) { return math.NaN(), nil },
		"its result (float64) cannot be encoded: json: unsupported value: NaN", nil,
	},
	"a result that contains itself": {
		func(context.Context) (any, error) { n := &node{}; n.Next = n; return n, nil },
		"encountered a cycle", nil,
	},
	"a result that panics": {
		func(context.Context) (any, error) { return grudge{}, nil }, "panic: a grudge", nil,
	},
	"an error that panics": {
		func(context.Context) (any, error) { return nil, grudge{} }, "panic: a grudge", nil,
	},
	"an error that is no text": {
		func(context.Context) (any, error) { return nil, errors.New("\xff\xfe\x00") }, "\ufffd\ufffd\x00", nil,
	},
	"an error without an end": {
		func(context.Context) (any, error) { return nil, errors.New(strings.Repeat("x", 2<<20)) }, "xxx…", nil,
	},
	"it executes another program": {
		func(context.Context) (any, error) {
			return nil, syscall.Exec("/bin/sh", []string{"sh", "-c", "exit 0"}, nil)
		},
		"exit status 0 without a result", nil,
	},
	"it executes one that goes on": {
		func(context.Context) (any, error) {
			signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
			return nil, syscall.Exec("/bin/sh", []string{"sh", "-c", "while :; do sleep 1; done"}, os.Environ())
		},
		"no result within its time-out of 1h0m0s: killed by SIGKILL",
		[]forker.Option{forker.Timeout(time.Hour), forker.Grace(time.Hour)},
	},
	"it ignores all signals": {
		func(context.Context) (any, error) { signal.Ignore(); roletest.Block(); return nil, nil },
		"no result within its time-out of 1h0m0s: killed by SIGKILL",
		[]forker.Option{forker.Timeout(time.Hour), forker.Grace(0)},
	},
	"it stops itself": {
		func(context.Context) (any, error) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			roletest.Block()
			return nil, nil
		},
		"no result within its time-out of 1h0m0s: killed by SIGKILL",
		[]forker.Option{forker.Timeout(time.Hour), forker.Grace(time.Hour)},
	},
	"it kills all that are with it": {
		func(context.Context) (any, error) {
			_ = syscall.Kill(0, syscall.SIGKILL)
			roletest.Block()
			return nil, nil
		},
		"killed by SIGKILL without a result", nil,
	},
	"it closes all descriptors": {
		func(context.Context) (any, error) {
			for fd := range 64 {
				_ = syscall.Close(fd)
			}
			return 7, nil
		},
		"without a result", nil,
	},
	"it says what is no message": {
		func(context.Context) (any, error) {
			_, _ = syscall.Write(4, bytes.Repeat([]byte{0xff, 'x', 0}, 200_000))
			return 7, nil
		},
		"exit status 0 without a result", nil,
	},
	"it announces four gigabytes": {
		func(context.Context) (any, error) {
			_, _ = syscall.Write(4, []byte("r\xff\xff\xff\xff"))
			return 7, nil
		},
		"exit status 0 without a result", nil,
	},
	"it says what only workers say, and daemons": {
		func(context.Context) (any, error) {
			_, _ = syscall.Write(4, []byte("y\x00\x00\x00\x02{}v\x00\x00\x00\x02{}m\x00\x00\x00\x02{}e\x00\x00\x00\x02{}c\x00\x00\x00\x01\x00"))
			os.Exit(4)
			return 7, nil
		},
		"exit status 4 without a result", nil,
	},
	"it leaves its process group": {
		func(context.Context) (any, error) { _, err := syscall.Setsid(); return fmt.Sprint(err), nil },
		"operation not permitted", nil,
	},
	"it needs a stack without an end": {
		func(context.Context) (any, error) {
			debug.SetMaxStack(1 << 20)
			var deeper func(n int) int
			deeper = func(n int) int { return deeper(n+1) + n }
			return deeper(0), nil
		},
		"stack overflow", nil,
	},
	"it reads from standard input": {
		func(context.Context) (any, error) {
			text, err := io.ReadAll(os.Stdin)
			return fmt.Sprintf("%q %v", text, err), nil
		},
		`"\"\" <nil>"`, nil,
	},
	"its orphans outlive it": {
		func(context.Context) (any, error) {
			return "left", exec.Command("sh", "-c", "(sleep 3600 & ) & sleep 3600 &").Run()
		},
		"left", nil,
	},
	"it logs while it ends": {
		func(context.Context) (any, error) {
			for range 50 {
				go func() {
					for {
						fmt.Println("on and on")
					}
				}()
			}
			return 7, nil
		},
		"7", nil,
	},
	"it panics while it is torn down": {
		func(ctx context.Context) (any, error) { <-ctx.Done(); panic("too late") },
		"no result within its time-out of 1h0m0s: exit status 1",
		[]forker.Option{forker.Timeout(time.Hour), forker.Grace(1000 * time.Hour)},
	},
}

var hostile = forker.NewTask("hostile", func(ctx context.Context, c *forker.Child, what string) (any, error) {
	c.Logf("there")
	return hostilities[what].does(ctx)
})

// Whatever a task does, it ends alone, with an error that says so, and leaves
// nothing.
func TestHostileTasks(t *testing.T) {
	leakFree(t)
	for what, test := range hostilities {
		t.Run(what, func(t *testing.T) {
			mark := fmt.Sprintf("TEST_MARK=%d-%s", os.Getpid(), strings.ReplaceAll(what, " ", "-"))
			mock := clock.NewMock()
			w := watched(t, &forker.Group{Clock: clockwork.From(mock)})
			w.group.OnLine = nil // it may print much
			h, err := hostile.Fork(w.group, what, append(test.limits, forker.Env(mark))...)
			require.NoError(t, err)
			w.await(t, "log there", 1)
			roletest.Eventually(t, "its end", func() bool {
				if test.limits != nil {
					mock.Add(time.Hour)
				}
				_, ended := h.Exit()
				return ended
			})
			result, err := h.Wait(roletest.Within(t))
			if err == nil {
				require.Contains(t, fmt.Sprintf("%#v", result), test.ends)
			} else {
				require.ErrorContains(t, err, test.ends)
			}
			if _, err := os.Stat("/proc/self/environ"); err == nil {
				roletest.Eventually(t, "no process", func() bool { return len(marked(t, mark)) == 0 })
			}
		})
	}
}

// deep has an argument that is too deep to be decoded.
var deep = forker.NewTask("deep", func(_ context.Context, _ *forker.Child, n node) (int, error) { return 7, nil })

func TestAnArgumentThatCannotBeDecoded(t *testing.T) {
	w := watched(t, &forker.Group{})
	in := node{}
	for range 20_000 {
		in = node{Next: &node{Next: in.Next}}
	}
	h, err := deep.Fork(w.group, in)
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.ErrorContains(t, err, "its argument (forker_test.node) cannot be decoded")
	require.ErrorContains(t, err, "exceeded max depth")
}

// What is printed arrives as it is, whatever bytes it has.
func TestAChildThatPrintsWhatIsNoText(t *testing.T) {
	var all []byte
	for b := range 256 {
		if b != '\n' {
			all = append(all, byte(b))
		}
	}
	w := watched(t, &forker.Group{})
	h, err := echoBytes.Fork(w.group, all)
	require.NoError(t, err)
	_, err = h.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.Contains(t, w.all(), "line "+string(all))
}

var echoBytes = forker.NewTask("echo bytes", func(_ context.Context, _ *forker.Child, b []byte) (int, error) { return os.Stdout.Write(b) })

// A worker that is stopped does not answer its call, which can be given up. The
// worker ends, and another one takes its place.
func TestAWorkerThatIsStopped(t *testing.T) {
	leakFree(t)
	w := watched(t, &forker.Group{})
	first := workerOf(t, w.group, one)
	c, err := one.stop.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	queued, err := one.pid.Submit(t.Context(), w.group, none{})
	require.NoError(t, err)
	c.Cancel()
	_, err = c.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrCanceled)
	callError(t, err, true)
	second, err := queued.Wait(roletest.Within(t))
	require.NoError(t, err)
	require.NotEqual(t, first, second)

	c, err = one.stop.Submit(t.Context(), w.group, none{}) // nor does it hold up the end
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Len(t, w.group.Stop(ctx), 1)
	_, err = c.Wait(roletest.Within(t))
	require.ErrorIs(t, err, forker.ErrWorkerDied)
}

// frugal forks where hardly a file may be open, and once more where one may.
func frugal([]string) {
	forksOnce(nil) // the runtime has its own descriptors now
	var was syscall.Rlimit
	roletest.Must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was))
	few := was
	for few.Cur = 3; ; few.Cur++ { // its type differs between systems
		roletest.Must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
		h, err := square.Fork(new(forker.Group), 3)
		if err == nil {
			n, err := h.Wait(context.Background())
			fmt.Println(n, err)
			return
		}
		if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "too many files are open (ulimit -n); a child takes six") {
			fmt.Println(few.Cur, err)
		}
	}
}

// Whatever lacks a descriptor in a fork says so, and leaves none behind.
func TestForksWithHardlyADescriptor(t *testing.T) {
	out, err := roletest.Command("frugal").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "9 <nil>\n9 <nil>\n", string(out))
}

// forksOnce forks a child and says what it returns.
func forksOnce([]string) {
	h, err := square.Fork(new(forker.Group), 3)
	roletest.Must(err)
	n, err := h.Wait(context.Background())
	fmt.Println(n, err)
}

func init() { roles["frugal"], roles["forksOnce"] = frugal, forksOnce }
