package world_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// A world plays the daemon that Declare builds, with one step beside it.
func ExamplePlay() {
	asTest(func(t *testing.T) {
		w, died, hung := world.Play(t, world.Config{
			Declare: func(extra ...core.Option) *core.Daemon {
				return core.New("poller", append([]core.Option{
					core.Every(10 * time.Second),
					core.Execute(func(context.Context, *core.Daemon) error { return nil }),
				}, extra...)...)
			},
			Steps: func(w *world.World) []world.Step {
				return []world.Step{{At: 15 * time.Second, Actions: []world.Action{
					{Name: "SIGTERM", Do: func() { _ = w.Main().Signal(syscall.SIGTERM) }},
				}}}
			},
			Limit: time.Minute,
			Seed:  1,
		})
		fmt.Println(w.Now().Round(time.Millisecond), w.Main().How(), died, hung)
		w.Timeline.Write(os.Stdout, nil)
	})
	// Output:
	// 15s exit status 0  false
	//   00:00.000  log: Application Startup. PID: 100 Interval: 10s
	//   00:00.000  log: No Lock: several instances can run at once. Give one in the program; null: says that none is wanted
	//   00:00.000  -> setting up
	//   00:00.000  -> sleeping
	//   00:00.000  execute #1
	//   00:10.000  execute #2
	//   00:15.000  step: SIGTERM
	//   00:15.000  log: Shutting Down: SIGTERM
	//   00:15.000  -> tearing down
	//   00:15.000  log: Shutdown Complete. Uptime: 15s Iterations: 2 Exit status: 0
	//   00:15.000  -> ended
	//   00:15.000  end: exit status 0
}

// asTest calls what would be a test's function.
func asTest(test func(t *testing.T)) {
	verbose := flag.Lookup("test.v").Value // would print among the output
	defer func(before string) { _ = verbose.Set(before) }(verbose.String())
	_ = verbose.Set("false")
	var once sync.Once // go test -count repeats the example by itself
	testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{
		{Name: "TestPoller", F: func(t *testing.T) { once.Do(func() { test(t) }) }},
	})
}
