package core_test

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
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

const (
	lockURL = "file:/run/poller.lock"
	pidPath = "poller.pid"
	logPath = "/var/log/poller.log"
)

// poller declares the daemon of most scenarios: a tick a second, and whatever
// else the options say.
func poller(options ...core.Option) daemontest.NewFunc {
	return func(extra ...core.Option) *core.Daemon {
		all := []core.Option{
			core.Every(time.Second),
			core.Execute(func(context.Context, *core.Daemon) error { return nil }),
		}
		return core.New("poller", append(append(all, options...), extra...)...)
	}
}

// equipped is the poller with all that a daemon can hold.
func equipped(options ...core.Option) daemontest.NewFunc {
	return poller(append([]core.Option{
		core.WithLock(lock.File("/run/poller.lock")),
		core.WithLog(logfile.Fixed(logPath)),
		core.WithAlerts(mail.Writer(os.Stdout), "ops@example.com"),
	}, options...)...)
}

func seconds(s ...float64) []time.Duration {
	times := make([]time.Duration, len(s))
	for i := range s {
		times[i] = time.Duration(s[i] * float64(time.Second)).Round(time.Microsecond)
	}
	return times
}

func at(s float64, actions ...daemontest.Action) daemontest.Step {
	return daemontest.At(seconds(s)[0], actions...)
}

// stopAt is the SIGTERM that ends most scenarios.
func stopAt(s float64) daemontest.Step { return at(s, term) }

var (
	term = daemontest.Signal(syscall.SIGTERM)
	hup  = daemontest.Signal(syscall.SIGHUP)
	usr1 = daemontest.Signal(syscall.SIGUSR1)
	cont = daemontest.Signal(syscall.SIGCONT)
	halt = daemontest.Signal(syscall.SIGSTOP)
	kill = daemontest.Signal(syscall.SIGKILL)
)

// startsAt wants iterations at exactly these seconds.
func startsAt(s ...float64) daemontest.Expectation {
	return daemontest.IterationsAt(seconds(s...)...)
}

func endsAt(s float64) daemontest.Expectation { return daemontest.EndsAt(seconds(s)[0]) }

// play is daemontest.Run that takes note of the transitions.
func play(t *testing.T, declare daemontest.NewFunc, s daemontest.Scenario) *daemontest.Result {
	t.Helper()
	r := daemontest.Run(t, declare, s)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, m := range r.Transitions() {
		seen.moves[m] = true
	}
	return r
}

var seen = struct {
	mu    sync.Mutex
	moves map[core.Transition]bool
}{moves: map[core.Transition]bool{}}

// TestMain fails when all tests have run and an edge of the lifecycle's table
// was never exercised.
func TestMain(m *testing.M) {
	if os.Getenv(asHolder) != "" {
		holder()
		return
	}
	if os.Getenv(childrenVariable) != "" {
		daemonWithChildren().Main()
	}
	if os.Getenv(setupVariable) != "" {
		daemonWithSetup().Main()
	}
	if dir := os.Getenv(checksVariable); dir != "" {
		daemonWithChecks(dir).Main()
	}
	code := m.Run()
	if code == 0 && everythingRan() {
		for _, edge := range core.Lifecycle() {
			if !seen.moves[edge] {
				fmt.Printf("FAIL: no scenario of core takes a daemon from %q to %q by %q\n", edge.From, edge.To, edge.Event)
				code = 1
			}
		}
	}
	os.Exit(code)
}

func everythingRan() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.bench", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

const sigterm = syscall.SIGTERM
