package daemontest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// A signal that the daemon does not listen for has the effect that it has on any
// Go program.
func TestSignalsHaveTheirDefaultEffect(t *testing.T) {
	for _, sig := range []syscall.Signal{
		syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGPIPE, syscall.SIGIO, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGWINCH,
	} {
		Run(t, poller, Scenario{
			Execute: Instantly(),
			Steps:   Steps{At(time.Second, Signal(sig)), stopAt(6 * time.Second)},
			Want:    Want{Iterations(2), Exit(0), EndsAt(6 * time.Second)},
		})
	}
}

// SIGQUIT ends a Go program with a stack dump, and nothing is torn down.
func TestSIGQUITDumpsTheStack(t *testing.T) {
	Run(t, poller, Scenario{
		Args:    "-p poller.pid",
		Execute: Instantly(),
		Steps:   Steps{At(time.Second, Signal(syscall.SIGQUIT))},
		Want: Want{
			Exit(2), EndsAt(time.Second), Stderr("SIGQUIT: quit\nPC="), Stderr("goroutine 1 ["),
			NoLog("Shutting Down"), FileContains("poller.pid", "100"), LockReleased(),
		},
	})
	Run(t, poller, Scenario{
		Args:    "-d -p poller.pid",
		Execute: Instantly(),
		Steps:   Steps{At(time.Second, Signal(syscall.SIGABRT))},
		Want: Want{Exit(1), Watchers(1), Logs("it came within the first 10s of run time"), Check("no stack, as standard error is /dev/null", func(r *Result) error {
			if text := r.World().Stderr(); text != "" {
				return errors.New(text)
			}
			return nil
		})},
	})
}

// What waits for a stopped process is a set: two SIGTERMs are one.
func TestSignalsThatWaitAreMerged(t *testing.T) {
	Run(t, poller, Scenario{
		Execute: Takes(20 * time.Second),
		Steps: Steps{
			At(1*time.Second, Signal(syscall.SIGSTOP)),
			At(2*time.Second, Signal(syscall.SIGTERM)), At(6*time.Second, Signal(syscall.SIGTERM)),
			At(12*time.Second, Signal(syscall.SIGCONT)),
		},
		Want: Want{
			Iterations(1), Exit(0), LogsTimes("SIGTERM", 1), NoLog("under way already"), NoLog("Forced"), EndsAt(20 * time.Second),
		},
		Orders: 10,
	})
}

// SIGTSTP stops what a shell could resume; a daemon in a session of its own, as
// -d and supervisors start it, it does not stop.
func TestSIGTSTPStops(t *testing.T) {
	steps := Steps{
		At(1*time.Second, Signal(syscall.SIGTSTP)), At(12*time.Second, Signal(syscall.SIGCONT)), stopAt(16 * time.Second),
	}
	Run(t, poller, Scenario{
		Execute: Instantly(), Steps: steps,
		Want: Want{IterationsAt(seconds(0, 12, 15)...), Exit(0), EndsAt(16 * time.Second)}, Orders: 10,
	})
	Run(t, poller, Scenario{
		Args: "-d", Execute: Instantly(), Steps: steps,
		Want: Want{IterationsAt(seconds(0, 5, 10, 12, 15)...), Exit(0)},
	})
	Run(t, poller, Scenario{
		Supervised: true, Execute: Instantly(), Steps: steps,
		Want: Want{IterationsAt(seconds(0, 5, 10, 12, 15)...), Exit(0)},
	})
}

// Between two programs the kernel's defaults hold: what does nothing to a Go
// program may end the process there.
func TestSignalsInTheExecWindow(t *testing.T) {
	for _, c := range []struct {
		sig  syscall.Signal
		want Want
	}{
		{syscall.SIGHUP, Want{Exit(0), Restarts(1), EndsAt(12 * time.Second)}}, // ignored
		{syscall.SIGUSR1, Want{Exit(0), Restarts(1), EndsAt(12 * time.Second)}},
		{syscall.SIGWINCH, Want{Exit(0), Restarts(1), EndsAt(12 * time.Second)}},
		{syscall.SIGTERM, Want{Killed(), Restarts(1), EndsAt(6*time.Second + 20*time.Millisecond)}},
		{syscall.SIGUSR2, Want{Exit(0), Restarts(1), EndsAt(12 * time.Second)}}, // for which nobody listens
		{syscall.SIGALRM, Want{Exit(0), Restarts(1), EndsAt(12 * time.Second)}},
		{syscall.SIGXCPU, Want{Killed(), Restarts(1), EndsAt(6*time.Second + 20*time.Millisecond)}},
		{syscall.SIGQUIT, Want{Killed(), Restarts(1), EndsAt(6*time.Second + 20*time.Millisecond)}},
	} {
		Run(t, poller, Scenario{
			Execute: Instantly(),
			Steps: Steps{
				At(6*time.Second, Signal(syscall.SIGHUP)),
				AfterLog("Restarting", 50*time.Microsecond, Signal(c.sig)),
				stopAt(12 * time.Second).Maybe(),
			},
			Want: c.want, Orders: 20,
		})
	}
}

// A program that replaces another is subscribed from its beginning: what comes
// before the daemon listens waits until then.
func TestSignalsBeforeARestartedDaemonListens(t *testing.T) {
	set(t, checkFlag, 1) // for builds
	builds := 0
	slow := func(extra ...core.Option) *core.Daemon {
		if builds++; builds%3 == 0 { // after the trial's
			time.Sleep(2 * time.Second)
		}
		return poller(extra...)
	}
	for sig, want := range map[syscall.Signal]Want{
		syscall.SIGTERM: {Iterations(2), LogsTimes("SIGTERM", 1), EndsAt(8*time.Second + 20*time.Millisecond)},
		syscall.SIGUSR1: {Iterations(3), LogsTimes("Dump of poller", 1), EndsAt(11 * time.Second)},
		syscall.SIGUSR2: {Iterations(3), EndsAt(11 * time.Second)},
	} {
		Run(t, slow, Scenario{
			Execute: Instantly(),
			Steps: Steps{
				At(6*time.Second, Signal(syscall.SIGHUP)), At(7*time.Second, Signal(sig)), stopAt(11 * time.Second).Maybe(),
			},
			Want: append(want, Restarts(1), Exit(0)),
		})
	}
}

// Timers of d.Clock() do not fire while the process is stopped. Those that have
// become due do when it goes on, in the order in which they were due; the others
// when their time comes.
func TestTimersOfAStoppedProcessWait(t *testing.T) {
	says := func(after time.Duration, what string) core.Option {
		return core.Setup(func(ctx context.Context, d *core.Daemon) error {
			go func() {
				if clockwork.Sleep(ctx, d.Clock(), after) == nil {
					d.Logf("%s at %s", what, time.Now().UTC().Format(time.TimeOnly)) // not by the clock, which waits
				}
			}()
			return nil
		})
	}
	r := Run(t, poller, Scenario{
		Execute: Instantly(),
		Options: []core.Option{
			says(time.Second, "before"), says(4*time.Second, "second"), says(3*time.Second, "first"), says(14*time.Second, "after"),
		},
		Steps: Steps{At(2*time.Second, Signal(syscall.SIGSTOP)), At(12*time.Second, Signal(syscall.SIGCONT)), stopAt(20 * time.Second)},
		Want: Want{
			Logs("before at 00:00:01"), Logs("first at 00:00:12"), Logs("second at 00:00:12"), Logs("after at 00:00:14"), Exit(0),
		},
	})
	var order []string
	r.timeline().Each(func(e timeline.Entry) {
		if _, _, found := strings.Cut(e.Text, " at 00:00:"); isLog(e) && found {
			order = append(order, fmt.Sprintf("%s %s", e.At.Round(time.Second), strings.Fields(e.Text)[0]))
		}
	})
	if want := []string{"1s before", "12s first", "12s second", "14s after"}; !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
	// One that is killed while it is stopped has none any more.
	Run(t, poller, Scenario{
		Execute: Instantly(), Options: []core.Option{says(3*time.Second, "dead")},
		Steps: Steps{At(2*time.Second, Signal(syscall.SIGSTOP)), At(12*time.Second, Signal(syscall.SIGKILL))},
		Want:  Want{NoLog("dead"), Killed()},
	})
}
