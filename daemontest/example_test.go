package daemontest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// New declares the daemon, as the program's own New does.
func New(extra ...core.Option) *core.Daemon {
	return core.New("poller", append([]core.Option{
		core.Every(10 * time.Second),
		core.Execute(func(context.Context, *core.Daemon) error { return nil }),
	}, extra...)...)
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

// A life, and the timeline that it leaves.
func ExampleRun() {
	asTest(func(t *testing.T) {
		r := daemontest.Run(t, New, daemontest.Scenario{
			Execute: daemontest.Takes(time.Second).Except(2, 14*time.Second),
			Steps: daemontest.Steps{
				daemontest.At(26*time.Second, daemontest.Signal(syscall.SIGTERM)),
			},
			Want: daemontest.Want{
				daemontest.Iterations(3), daemontest.Overruns(1), daemontest.Exit(0),
			},
		})
		fmt.Print(r.Timeline())
	})
	// Output:
	//   00:00.000  log: Application Startup. PID: 100 Interval: 10s
	//   00:00.000  log: No Lock: several instances can run at once. Give one in the program; null: says that none is wanted
	//   00:00.000  -> setting up
	//   00:00.000  -> sleeping
	//   00:00.000  execute #1 ... 1s
	//   00:10.000  execute #2 ... 14s  OVERRUN +4s
	//   00:20.010  log: Run Loop Overdue: Execute #2 is still running after 10s. Interval: 10s
	//   00:24.000  log: Run Loop Taking Too Long. Duration: 14s Interval: 10s
	//   00:24.000  execute #3 ... 1s
	//   00:26.000  step: SIGTERM
	//   00:26.000  log: Shutting Down: SIGTERM
	//   00:26.000  -> tearing down
	//   00:26.000  log: Shutdown Complete. Uptime: 26s Iterations: 3 Exit status: 0
	//   00:26.000  -> ended
	//   00:26.000  end: exit status 0
}

// A daemon that speaks HTTP, with a service that is away for a while.
func ExampleNetwork() {
	var api daemontest.Network
	api.Handle("api.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "3 jobs") }))
	client := &http.Client{Timeout: 2 * time.Second, Transport: api.Client().Transport}
	ask := func(_ context.Context, d *core.Daemon) error {
		resp, err := client.Get("https://api.example.com/jobs")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		d.Logf("there are %s", body)
		return err
	}
	asTest(func(t *testing.T) {
		r := daemontest.Run(t, New, daemontest.Scenario{
			Network: &api,
			Options: []core.Option{core.Execute(ask), core.MaxConsecutiveFailures(3)},
			Steps: daemontest.Steps{
				daemontest.At(5*time.Second, daemontest.HostRefuses("api.example.com", true)),
				daemontest.At(15*time.Second, daemontest.HostRefuses("api.example.com", false)),
				daemontest.At(25*time.Second, daemontest.Signal(syscall.SIGTERM)),
			},
			Want: daemontest.Want{daemontest.Failures(1), daemontest.LogsTimes("there are 3 jobs", 2), daemontest.Exit(0)},
		})
		fmt.Println(r.Starts())
	})
	// Output:
	// [0s 10s 20s]
}

// A script says how Execute behaves. Where several rules fit, the last counts.
func ExampleScript() {
	script := daemontest.Takes(time.Second).
		ExceptFrom(3, 2*time.Second).
		FailsAt(4, errors.New("the API is away"))
	asTest(func(t *testing.T) {
		r := daemontest.Run(t, New, daemontest.Scenario{
			Execute: script,
			Options: []core.Option{core.MaxConsecutiveFailures(2)},
			Steps:   daemontest.Steps{daemontest.AfterIteration(5, time.Second, daemontest.Signal(syscall.SIGINT))},
			Want:    daemontest.Want{daemontest.Failures(1), daemontest.Exit(0)},
		})
		for n, at := range r.Starts() {
			fmt.Printf("iteration %d at %s\n", n+1, at)
		}
	})
	// Output:
	// iteration 1 at 0s
	// iteration 2 at 10s
	// iteration 3 at 20s
	// iteration 4 at 30s
	// iteration 5 at 40s
}
