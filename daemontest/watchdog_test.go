package daemontest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
)

// outsiders are what the tests' daemons share although each bubble is another.
type outsiders struct {
	channel  chan struct{}
	ticker   *time.Ticker
	group    sync.WaitGroup
	address  string // of a server that never answers
	released chan func()
	enough   atomic.Bool
}

// later lets go of what an Execute waits for, when the test is over.
func (o *outsiders) later(f func()) { o.released <- f }

// hangs are the ways to stop a bubble's clock, and what is said of each.
var hangs = []struct {
	name    string
	execute func(o *outsiders) error
	says    []string
}{
	{"a network connection", func(o *outsiders) error {
		conn, err := net.Dial("tcp", o.address)
		if err != nil {
			return err
		}
		o.later(func() { _ = conn.Close() })
		_, err = conn.Read(make([]byte, 1))
		return err
	}, []string{"waits for a real network connection", "net := &daemontest.Network{}", "client := net.Client()", "net.Pipe", "[IO wait] in net.(*conn).Read:\n"}},

	{"a client of HTTP", func(o *outsiders) error {
		var c http.Client
		c.Transport = &http.Transport{}
		r, err := c.Get("http://" + o.address)
		if err == nil {
			err = r.Body.Close()
		}
		return err
	}, []string{"waits for a real network connection", "Other goroutines of the program:", "[select] in net/http.(*Client).Get:\n"}},

	{"a channel", func(o *outsiders) error {
		<-o.channel
		return nil
	}, []string{"made outside of the bubble", "in New or in Setup", "[chan receive]:\n"}},

	{"a ticker", func(o *outsiders) error {
		select {
		case <-o.ticker.C:
		case <-o.channel:
		}
		return nil
	}, []string{"made outside of the bubble", "[select]:\n"}},

	{"a wait group", func(o *outsiders) error {
		o.group.Wait()
		return nil
	}, []string{"made outside of the bubble", "[sync.WaitGroup.Wait] in sync.(*WaitGroup).Wait:\n"}},

	{"a mutex held by a sleeper, for ever", func(*outsiders) error {
		var mu sync.Mutex
		mu.Lock()
		go func() {
			time.Sleep(time.Second)
			mu.Unlock()
		}()
		mu.Lock()
		return nil
	}, []string{"waits for a mutex", "a channel of one slot", "[sync.Mutex.Lock] in sync.(*Mutex).Lock:\n", "Other goroutines of the program:", "[sleep] in time.Sleep:\n"}},

	{"a mutex for readers, for ever", func(*outsiders) error {
		var mu sync.RWMutex
		mu.Lock()
		go func() {
			time.Sleep(time.Second)
			mu.Unlock()
		}()
		mu.RLock()
		return nil
	}, []string{"waits for a mutex", "[sync.RWMutex.RLock] in sync.(*RWMutex).RLock:\n", "[sleep] in time.Sleep:\n"}},

	{"a child process", func(o *outsiders) error {
		in, out, err := os.Pipe()
		if err != nil {
			return err
		}
		o.later(func() { _ = out.Close() })
		cmd := exec.Command("cat")
		cmd.Stdin = in
		return cmd.Run()
	}, []string{"runs a real child process", "Make it a task of package forker", " in os/exec.(*Cmd).Run:\n"}},

	{"a pipe", func(o *outsiders) error {
		in, out, err := os.Pipe()
		if err != nil {
			return err
		}
		o.later(func() { _ = out.Close() })
		_, err = io.ReadAll(in)
		return err
	}, []string{"waits for a file, a pipe or a system call", "[IO wait] in io.ReadAll:\n"}},

	{"a loop", func(o *outsiders) error {
		for !o.enough.Load() {
		}
		return nil
	}, []string{"computes for ever"}},

	{"goroutines that keep one another busy", func(o *outsiders) error {
		ball := make(chan bool)
		go func() {
			for range ball {
			}
		}()
		for !o.enough.Load() {
			ball <- true
		}
		close(ball)
		return nil
	}, []string{"computes for ever"}},

	{"a clock that crawls", func(o *outsiders) error {
		for !o.enough.Load() {
			time.Sleep(time.Nanosecond)
		}
		return nil
	}, []string{"moves, but by such small steps"}},
}

// What stops a bubble's clock is told within the watchdog's time, with the
// reason, the remedy and the goroutine to blame; and it does not disturb the
// tests that follow, also when it is let go later.
func TestAHangIsToldByItsCause(t *testing.T) {
	for _, c := range hangs {
		t.Run(c.name, func(t *testing.T) {
			set(t, watchdogFlag, 100*time.Millisecond)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			o := outsiders{
				channel: make(chan struct{}), ticker: time.NewTicker(time.Hour), address: listener.Addr().String(), released: make(chan func(), 10),
			}
			o.group.Add(1)
			returned := make(chan bool, 10)
			_, verdict := examine(t, poller, Scenario{
				Execute: Does(func(context.Context, *core.Daemon) error {
					defer func() { returned <- true }()
					return c.execute(&o)
				}),
				Steps: Steps{stopAt(time.Minute)}, Want: Want{Iterations(7)},
			})
			says(t, verdict, append(c.says, "- no progress for ", " of real time", "watchdog_test.go", "execute #1 ... does not return")...)
			for _, wrong := range []string{"want 7 iterations", "- note: ", "core.(*machine)", "runtime.", "internal/"} {
				if strings.Contains(verdict, wrong) {
					t.Errorf("the verdict says %q:\n%s", wrong, verdict)
				}
			}
			o.enough.Store(true)
			close(o.channel)
			o.group.Done()
			if err := listener.Close(); err != nil {
				t.Error(err)
			}
			for len(o.released) > 0 {
				(<-o.released)()
			}
			if !strings.HasSuffix(c.name, "for ever") {
				within(t, returned)
			}
		})
	}
	Run(t, poller, slowAPI)
}

// within fails the test unless the channel has a value soon.
func within[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatal("nothing came for a minute")
	}
	return v
}

// A clock that moves is progress, although nothing is recorded.
func TestManyShortSleepsAreNoHang(t *testing.T) {
	const limit = 200 * time.Millisecond
	set(t, checkFlag, 1) // how often it sleeps depends on the machine
	set(t, watchdogFlag, limit)
	var enough atomic.Bool
	defer time.AfterFunc(4*limit, func() { enough.Store(true) }).Stop()
	Run(t, poller, Scenario{
		Execute: Instantly().DoesAt(1, func(context.Context, *core.Daemon) error {
			for !enough.Load() {
				time.Sleep(time.Microsecond)
			}
			return nil
		}),
		Want: Want{Exit(0)}, Steps: Steps{stopAt(time.Minute)},
	})
}

// What runs for real, but not for long, passes with a note.
func TestAShortWaitIsNoted(t *testing.T) {
	set(t, checkFlag, 1) // the pipe is read once
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	worlds := make(chan *World, 1)
	go func() {
		defer out.Close()
		w := <-worlds
		for deadline := time.Now().Add(time.Minute); len(w.sim.Notes()) == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}()
	r, verdict := examine(t, poller, Scenario{
		Execute: Instantly().DoesAt(2, func(context.Context, *core.Daemon) error {
			cmd := exec.Command("cat")
			cmd.Stdin = in
			return cmd.Run()
		}),
		Steps: Steps{At(0, Do("look on", func(w *World) { worlds <- w })), stopAt(time.Minute)},
		Want:  Want{Iterations(12), Exit(0)},
	})
	if verdict != "" {
		t.Error(verdict)
	}
	says(t, r.notes(), "- note: A goroutine runs a real child process", "Make it a task of package forker", " in os/exec.(*Cmd).Run:\n", "watchdog_test.go")
	if n := strings.Count(r.notes(), "- note: "); n != 1 {
		t.Errorf("want one note, got %d", n)
	}
}

// The default client of net/http gets no connection in a bubble: its idle
// connections would stop the clock, and srv.Close would end the test binary.
func TestTheDefaultClientGetsNoRealConnection(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	get := func() error {
		r, err := http.Get(srv.URL)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body) // so that the connection is kept
		}
		return err
	}
	if err := get(); err != nil { // so there is an idle connection
		t.Error(err)
	}
	_, verdict := examine(t, poller, Scenario{
		Options: []core.Option{core.MaxConsecutiveFailures(10)},
		Execute: Does(func(context.Context, *core.Daemon) error { return get() }),
		Steps:   Steps{stopAt(12 * time.Second)}, Want: Want{Exit(0), Failures(3)},
	})
	says(t, verdict, "- http.DefaultTransport was asked for a real connection to 127.0.0.1:", "client := net.Client()", "FAILED: Get \"http://127.0.0.1:")
	if n := strings.Count(verdict, "\n- "); n != 1 {
		t.Errorf("want one failure, got %d:\n%s", n, verdict)
	}
	if err := get(); err != nil {
		t.Errorf("outside of the scenario: %v", err)
	}
	srv.Close()
}

// A test binary whose daemon holds a real connection can die of it, when the
// test closes that from outside of the bubble; but not before it has told why.
func TestAHangIsToldBeforeTheTestBinaryDies(t *testing.T) {
	const role = "DAEMONTEST_HOLDS_A_CONNECTION"
	if os.Getenv(role) != "" {
		srv := httptest.NewServer(http.NotFoundHandler())
		defer srv.Close()
		client := srv.Client()
		Run(t, poller, Scenario{Execute: Does(func(context.Context, *core.Daemon) error {
			r, err := client.Get(srv.URL)
			if err == nil {
				_, err = io.Copy(io.Discard, r.Body) // so that the connection is kept
			}
			return err
		})})
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), role+"=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil {
		t.Error("the test binary ended well")
	}
	says(t, stderr.String(), "no progress for ", " of real time", "waits for a real network connection", "net.(*conn).Read")
}

// A daemon that would not run in the scenario's world fails it, with the line
// to write.
func TestADaemonThatIsNotOfThisWorldFails(t *testing.T) {
	machine := host.Real()
	for name, declare := range map[string]NewFunc{
		"New forgets its extra options": func(...core.Option) *core.Daemon { return poller() },
		"New has a host of its own": func(extra ...core.Option) *core.Daemon {
			return poller(append(extra, core.WithHost(machine))...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, verdict := examine(t, declare, Scenario{Steps: Steps{stopAt(time.Minute)}, Want: Want{Exit(0)}})
			says(t, verdict, "the daemon that New declares would not run in this world", "\treturn core.New(name, append([]core.Option{…}, extra...)...)\n")
		})
	}
	t.Run("New declares one for all its generations", func(t *testing.T) {
		var once *core.Daemon
		_, verdict := examine(t, func(extra ...core.Option) *core.Daemon {
			if once == nil {
				once = poller(extra...)
			}
			return once
		}, Scenario{Steps: Steps{At(time.Second, Signal(syscall.SIGHUP)), stopAt(time.Minute)}, Want: Want{Exit(0)}})
		says(t, verdict, "would not run in this world", "each time that it is called")
	})
}
