package forker_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/forker/internal/roletest"
)

var (
	chaosCalls = flag.Int("forker.calls", 400, "how many calls are made while workers are killed")
	chaosSeed  = flag.Uint64("forker.seed", 1, "which workers are killed when")
)

// errand is a call that leaves a trace.
type errand struct {
	File string
	ID   int

	// Dies says that the worker dies when the call has run.
	Dies bool
}

// leaves notes that a call runs: one write, at the end of the file.
func leaves(_ context.Context, _ *forker.Child, e errand) (int, error) {
	f, err := os.OpenFile(e.File, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%d\n", e.ID)
	if e.Dies {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return e.ID, err
}

var (
	chaosOnce  = forker.NewMethod(forker.NewPool("chaos once", forker.PoolConfig{Workers: 3, RecycleCalls: 200}), "leaves", leaves)
	chaosAgain = forker.NewMethod(forker.NewPool("chaos again", forker.PoolConfig{Workers: 3, Retries: 3}), "leaves", leaves)
)

// outcome is how a call ended for its caller.
type outcome struct {
	ends                 atomic.Int32
	ok, mayHaveRun, none bool
}

// chaos makes calls while workers are killed, and returns their outcomes and
// how often each has run.
func chaos(t *testing.T, method *forker.Method[errand, int], seed uint64) (outcomes []outcome, runs []int) {
	w := watched(t, &forker.Group{})
	w.group.Deliver = func(f func()) { f() }
	file := filepath.Join(t.TempDir(), "witness")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	outcomes, runs = make([]outcome, *chaosCalls), make([]int, *chaosCalls)
	var next atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for id := int(next.Add(1)) - 1; id < len(outcomes); id = int(next.Add(1)) - 1 {
				o, random := &outcomes[id], rand.New(rand.NewPCG(seed, uint64(id)))
				if random.IntN(25) == 0 {
					strike(w.group, random)
				}
				c, err := method.Submit(context.Background(), w.group, errand{file, id, random.IntN(150) == 0})
				if err != nil {
					o.none = true
					continue
				}
				c.Then(func(int, error) { o.ends.Add(1) })
				if random.IntN(50) == 0 {
					c.Cancel()
				}
				got, err := c.Wait(context.Background())
				var e *forker.CallError
				switch {
				case err == nil:
					o.ok = got == id
				case errors.As(err, &e):
					o.mayHaveRun, o.none = e.MayHaveRun, !e.MayHaveRun
				}
			}
		})
	}
	callers.Wait()
	info := poolInfo(t, w.group)
	t.Logf("%+v", info)
	require.Positive(t, info.Crashed)
	w.group.Stop(roletest.Within(t))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var id int
		_, err := fmt.Sscan(line, &id)
		require.NoError(t, err)
		runs[id]++
	}
	return outcomes, runs
}

// strike kills one of a group's workers.
func strike(g *forker.Group, random *rand.Rand) {
	list := g.List()
	if len(list) == 0 {
		return
	}
	signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[random.IntN(3)]
	if pid := list[random.IntN(len(list))].PID; pid > 0 {
		_ = syscall.Kill(pid, signal)
	}
}

// Each call ends once, and a call that is not to be retried runs at most once,
// whatever kills its workers.
func TestCallsUnderChaos(t *testing.T) {
	leakFree(t)
	for name, method := range map[string]*forker.Method[errand, int]{"once": chaosOnce, "again": chaosAgain} {
		t.Run(name, func(t *testing.T) {
			outcomes, runs := chaos(t, method, *chaosSeed)
			answered, lost := 0, 0
			for id := range outcomes {
				o, n := &outcomes[id], runs[id]
				require.EqualValues(t, 1, o.ends.Load(), "call %d ends once", id)
				switch {
				case o.ok:
					require.Positive(t, n, "call %d", id)
					answered++
				case o.none:
					require.Zero(t, n, "call %d was said not to have run", id)
				default:
					require.True(t, o.mayHaveRun, "call %d has ended somehow else", id)
					lost++
				}
				if name == "once" {
					require.LessOrEqual(t, n, 1, "call %d", id)
				}
			}
			t.Logf("%d answered, %d lost, of %d", answered, lost, len(outcomes))
			require.Greater(t, answered, len(outcomes)/2)
		})
	}
}
