package daemontest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/lock"
)

// busyDaemon has functions of its own wherever a daemon can have some, and all
// of them log: any two that are not in order show in the timeline.
func busyDaemon(extra ...core.Option) *core.Daemon {
	says := func(what string) core.Func {
		return func(_ context.Context, d *core.Daemon) error {
			d.Logf("%s", what)
			return nil
		}
	}
	event := func(_ context.Context, d *core.Daemon, m core.HookInfo) { d.Logf("event %s", m.Hook) }
	return poller(append([]core.Option{
		core.Setup(says("setup")),
		core.Teardown(says("teardown")),
		core.OnSignal(syscall.SIGUSR2, says("SIGUSR2")),
		core.On(core.HookInit, event), core.On(core.HookSignal, event), core.On(core.HookError, event),
		core.On(core.HookRestart, event), core.On(core.HookShutdown, event),
		core.WithLock(Leased("memory:poller", 4*time.Second)),
		core.IterationTimeout(20 * time.Second),
		core.Execute(func(ctx context.Context, d *core.Daemon) error {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
				d.Logf("interrupted")
			}
			return nil
		}),
	}, extra...)...)
}

// untilCancelled ends with its context, and says so.
func untilCancelled(ctx context.Context, d *core.Daemon) error {
	<-ctx.Done()
	d.Logf("cancelled")
	return context.Cause(ctx)
}

// busyLife has as much at one instant as can be.
var busyLife = Scenario{
	Args:       "-d -p poller.pid",
	Supervised: true,
	Execute: Script{}.Except(2, 200*time.Millisecond).Except(3, 7*time.Second).
		FailsAt(6, errors.New("boom")).PanicsAt(9, "argh").DoesAt(22, untilCancelled),
	Steps: Steps{
		At(5*time.Second, Signal(syscall.SIGUSR1), Signal(syscall.SIGUSR2), Signal(syscall.SIGUSR1), Signal(syscall.SIGCONT)),
		At(15*time.Second, Signal(syscall.SIGHUP), Signal(syscall.SIGUSR2)),
		At(15*time.Second, Signal(syscall.SIGUSR1), MailTakes(time.Second)),
		At(20*time.Second, Command("-s dump -p poller.pid"), Command("-v"), Command("-d -p poller.pid"), Signal(syscall.SIGUSR2)),
		At(60*time.Second, Command("-s restart -p poller.pid"), Command("-s restart -p ./poller.pid")),
		At(70*time.Second, Signal(syscall.SIGUSR1), Signal(syscall.SIGSTOP), Signal(syscall.SIGUSR2)),
		At(90*time.Second, MailDown(errors.New("out of order"))),
		At(100*time.Second, Signal(syscall.SIGCONT), Signal(syscall.SIGUSR1)),
		At(140*time.Second, Signal(syscall.SIGUSR1), FreeLock("memory:poller"), MailDown(nil)),
		At(170*time.Second, Command("-s dump -p poller.pid"), Command("-s stop -p poller.pid"), Signal(syscall.SIGUSR1)),
		At(180*time.Second, Command("-p poller.pid"), Command("-p poller.pid"), Command("-p poller.pid")),
		At(190*time.Second, SignalTo("-p poller.pid", syscall.SIGTERM), SignalTo("-p poller.pid", syscall.SIGUSR1), SignalTo("-p poller.pid", syscall.SIGUSR2)),
		AfterLog("cancelled", 0, Signal(syscall.SIGUSR1)),
	},
	Want: Want{Exit(0), ExitOf("-s restart -p poller.pid", 0), ExitOf("-s restart -p ./poller.pid", 0)},
}

// crowd is a scenario of four processes that all have timers and tickers of
// their own, with the daemon's period, and ask one host at the same instants.
func crowd() (NewFunc, Scenario) {
	var api Network
	api.Handle(apiHost, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * time.Millisecond)
		fmt.Fprint(w, r.UserAgent())
	}))
	client := api.Client()
	tick := func(ctx context.Context, d *core.Daemon) error {
		go func() {
			for n := 1; clockwork.Sleep(ctx, d.Clock(), 5*time.Second) == nil; n++ {
				d.Logf("ticker %d", n)
			}
		}()
		return nil
	}
	ask := func(ctx context.Context, d *core.Daemon) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+apiHost, nil)
		if err != nil {
			return err
		}
		req.Header.Set("User-Agent", fmt.Sprintf("iteration %d", d.Iteration()))
		r, err := client.Do(req)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		d.Logf("answered %s: %q", r.Status, text)
		return err
	}
	daemon := func(extra ...core.Option) *core.Daemon {
		return poller(append([]core.Option{
			core.WithLock(lock.Null()), core.Setup(tick), core.Execute(ask), core.MaxConsecutiveFailures(5),
		}, extra...)...)
	}
	return daemon, Scenario{
		Args: "-d -p a.pid", Network: &api,
		Steps: Steps{
			At(10*time.Second, Command("-d -p b.pid"), Command("-d -p c.pid"), Command("-v")),
			At(30*time.Second, HostTakes(apiHost, 6*time.Second), Signal(syscall.SIGUSR1)),
			At(45*time.Second, HostTakes(apiHost, 0), HostResets(apiHost), SignalTo("-d -p b.pid", syscall.SIGHUP)),
			At(60*time.Second, SignalTo("-v", syscall.SIGSTOP), SignalTo("-d -p c.pid", syscall.SIGKILL)),
			At(75*time.Second, SignalTo("-v", syscall.SIGCONT), SignalTo("-v", syscall.SIGUSR1)),
			At(90*time.Second, Signal(syscall.SIGTERM), SignalTo("-d -p b.pid", syscall.SIGTERM), SignalTo("-d -p c.pid", syscall.SIGTERM), SignalTo("-v", syscall.SIGTERM)),
		},
		Want: Want{Exit(0), Of("-d -p c.pid", Exit(0)), Golden("crowd")},
	}
}

func TestAScenarioHasOneTimeline(t *testing.T) {
	sameTimeline(t, poller, slowAPI, 200)
	sameTimeline(t, busyDaemon, busyLife, 15)
	daemon, life := crowd()
	sameTimeline(t, daemon, life, 15)
}

// With more goroutines that want the processors than there are, the order in
// which goroutines get them is as different as can be.
func TestAScenarioHasOneTimelineBesideBusyGoroutines(t *testing.T) {
	var stop atomic.Bool
	defer stop.Store(true)
	for range 4 {
		go func() {
			for !stop.Load() {
				for spin := 0; spin < 10_000; spin++ {
				}
				runtime.Gosched() // or 1,000 plays would take minutes
			}
		}()
	}
	sameTimeline(t, poller, slowAPI, 60)
	sameTimeline(t, busyDaemon, busyLife, 3)
	daemon, life := crowd()
	sameTimeline(t, daemon, life, 3)
}

// manyPlays multiplies how often sameTimeline plays a scenario.
var manyPlays = flag.Int("plays", 1, "how many times as often scenarios are played to show that they have one timeline")

func sameTimeline(t *testing.T, declare NewFunc, s Scenario, plays int) {
	t.Helper()
	plays *= *manyPlays
	set(t, checkFlag, 1) // here is check enough
	first, verdict := examine(t, declare, s)
	if verdict != "" {
		t.Fatal(verdict)
	}
	for n := range plays {
		again, _ := examine(t, declare, s)
		if again.fingerprint() != first.fingerprint() {
			t.Fatalf("play %d: %s", n, timeline.Divergence(first.fingerprint(), again.fingerprint()))
		}
	}
}

// Each seed is another order of what happens at one instant, and always the
// same.
func TestSeedsAreOrders(t *testing.T) {
	set(t, checkFlag, 1)
	tie := Scenario{
		Execute: Instantly(),
		Steps: Steps{
			At(4*time.Second, Do("a", func(*World) {})).AnyOrder(), At(4*time.Second, Do("b", func(*World) {})).AnyOrder(),
			At(6*time.Second, Do("c", func(*World) {})), At(6*time.Second, Do("d", func(*World) {})),
			stopAt(10 * time.Second), // when a tick is due
		},
	}
	timelines := map[string]int{}
	const seeds = 60
	for seed := range uint64(seeds) {
		tie.Seed = seed + 1
		first, verdict := examine(t, poller, tie)
		if verdict != "" {
			t.Fatal(verdict)
		}
		for range 10 {
			if again, _ := examine(t, poller, tie); again.Timeline() != first.Timeline() {
				t.Fatalf("seed %d: %s", tie.Seed, timeline.Divergence(first.Timeline(), again.Timeline()))
			}
		}
		timelines[first.Timeline()]++
		if line := first.Timeline(); strings.Index(line, "step: c") > strings.Index(line, "step: d") {
			t.Errorf("seed %d: steps of one instant not in their written order:\n%s", tie.Seed, line)
		}
	}
	// a before b or behind it, the tick before the signal or behind it
	if len(timelines) != 4 {
		t.Errorf("%d seeds have led to %d timelines, want 4", seeds, len(timelines))
	}
}

// Orders plays as many seeds as it says, and stops at the first that fails.
func TestOrdersPlaysManySeeds(t *testing.T) {
	tie := Scenario{Execute: Instantly(), Steps: Steps{stopAt(10 * time.Second)}, Orders: 50}
	var played int
	count := Check("to be counted", func(*Result) error { played++; return nil })

	tie.Want = Want{count, Exit(0)}
	if _, verdict := examine(t, poller, tie); verdict != "" || played != 50 {
		t.Errorf("%d plays of 50: %s", played, verdict)
	}

	played = 0
	tie.Want = Want{count, Iterations(3)}
	r, verdict := examine(t, poller, tie)
	if !strings.Contains(verdict, "want 3 iterations, got 2") || played == 50 {
		t.Errorf("%d plays, verdict %q", played, verdict)
	}
	tie.Orders, tie.Seed = 0, r.Seed
	if _, again := examine(t, poller, tie); again != verdict {
		t.Errorf("seed %d alone says\n%s\nwant\n%s", r.Seed, again, verdict)
	}
}

// A scenario with chance in it is found out by playing it again.
func TestCheckFindsChance(t *testing.T) {
	set(t, checkFlag, 20)
	set(t, seedFlag, 1)
	heads := []string{"heads", "tails"}
	for name, execute := range map[string]core.Func{
		"package rand": func(_ context.Context, d *core.Daemon) error {
			d.Logf("%s", heads[rand.IntN(2)])
			return nil
		},
		"the order of a map": func(_ context.Context, d *core.Daemon) error {
			for n := range map[int]bool{1: true, 2: true, 3: true, 4: true} {
				d.Logf("%d", n)
			}
			return nil
		},
	} {
		_, verdict := examine(t, poller, Scenario{Execute: Does(execute), Steps: Steps{stopAt(time.Minute)}})
		for _, want := range []string{"not deterministic", "with seed 1", "  first:   00:", "  then:    00:", "chance in Execute"} {
			if !strings.Contains(verdict, want) {
				t.Errorf("%s: the verdict does not say %q:\n%s", name, want, verdict)
			}
		}
	}
	if _, verdict := examine(t, busyDaemon, busyLife); verdict != "" {
		t.Errorf("chance was found where there is none:\n%s", verdict)
	}
}

// set gives a flag, or another variable, a value until the test is over.
func set[T any](t *testing.T, variable *T, value T) {
	before := *variable
	*variable = value
	t.Cleanup(func() { *variable = before })
}

// Whatever ticks with the daemon's own period, wherever it was started, and
// however many timers there are: they do not meet.
func TestManyTimersHaveOneTimeline(t *testing.T) {
	ticks := func(d *core.Daemon, what string, c <-chan time.Time) {
		for range c {
			d.Logf("%s", what)
		}
	}
	setup := core.Setup(func(_ context.Context, d *core.Daemon) error {
		ticker := time.NewTicker(5 * time.Second)
		go ticks(d, "ticker of Setup", ticker.C)
		for n := range 30 {
			timer := d.Clock().NewTimer(5 * time.Second)
			go func() {
				for range timer.C() {
					d.Logf("timer %d", n)
					timer.Reset(5 * time.Second)
				}
			}()
		}
		return nil
	})
	hook := core.On(core.HookPreExecute, func(_ context.Context, d *core.Daemon, h core.HookInfo) {
		if h.Iteration == 1 {
			go ticks(d, "ticker of a hook", time.NewTicker(5*time.Second).C)
		}
	})
	sameTimeline(t, poller, Scenario{
		Execute: Instantly(), Options: []core.Option{setup, hook},
		Steps: Steps{At(21*time.Second, Signal(syscall.SIGKILL))}, Want: Want{Killed()},
	}, 8)
}

// There are lanes for as many processes as the scenario has.
func TestManyProcessesHaveOneTimeline(t *testing.T) {
	var commands, stops []Action
	for n := range 60 {
		commands = append(commands, Command(fmt.Sprintf("-v -p %d.pid", n)))
		stops = append(stops, Command(fmt.Sprintf("-s stop -p %d.pid", n)))
	}
	sameTimeline(t, plain, Scenario{
		Options: []core.Option{core.Every(time.Second), core.On(core.HookPostExecute, func(_ context.Context, d *core.Daemon, _ core.HookInfo) { d.Logf("beat") })},
		Steps:   Steps{At(0, commands...), At(3*time.Second, stops...), stopAt(3 * time.Second)},
		Want:    Want{Exit(0)},
	}, 3)
}
