package daemontest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/core"
)

// says fails unless the verdict says all of it.
func says(t *testing.T, verdict string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(verdict, want) {
			t.Errorf("the verdict does not say %q:\n%s", want, verdict)
		}
	}
}

func TestASpinIsReportedAsOne(t *testing.T) {
	_, verdict := examine(t, poller, Scenario{
		Options: []core.Option{core.Every(0)}, Execute: Instantly(), Steps: Steps{stopAt(time.Second)}, Want: Want{Exit(0)},
	})
	says(t, verdict, "spin: more than 100000 things happened at 0s", "daemontest.Takes", " lines ...")
	if strings.Contains(verdict, "cut off") {
		t.Error("the verdict speaks of the limit, which is not to blame")
	}
}

func TestAScenarioWithoutAnEndIsCut(t *testing.T) {
	r, verdict := examine(t, poller, Scenario{Execute: Instantly()})
	says(t, verdict, "had not ended after 1h0m0s and was cut off", "Signal(syscall.SIGTERM)", "a longer Limit", "killed by SIGKILL")
	if got := r.World().Now(); got != time.Hour {
		t.Errorf("it ended at %s", got)
	}
	_, verdict = examine(t, poller, Scenario{
		Limit: 12 * time.Second, Execute: Instantly(), Steps: Steps{stopAt(time.Minute)}, Want: Want{Iterations(3)},
	})
	says(t, verdict, "had not ended after 12s")
	if strings.Contains(verdict, "want 3 iterations") {
		t.Errorf("what happened until then does not count:\n%s", verdict)
	}
}

func leaky(context.Context, *core.Daemon) error {
	go func() { select {} }()
	return nil
}

func TestAGoroutineLeftBehindFails(t *testing.T) {
	_, verdict := examine(t, poller, Scenario{Execute: Does(leaky), Steps: Steps{stopAt(time.Second)}, Want: Want{Iterations(2)}})
	says(t, verdict, "goroutines were left behind", "leaky", "promises_test.go", "want 2 iterations, got 1", "execute #1\n")
}

// A process that is killed takes what it does with it, however long that would
// have taken.
func TestASleeperIsNotLeftBehind(t *testing.T) {
	Run(t, poller, Scenario{
		Execute: Does(func(_ context.Context, d *core.Daemon) error {
			time.Sleep(10 * time.Minute)
			d.Logf("woken")
			return nil
		}),
		Steps: Steps{At(time.Second, Signal(syscall.SIGKILL))},
		Want:  Want{Killed(), EndsAt(time.Second), NoLog("woken"), NoFile("/var/log/poller/x")},
	})
}

func TestPanicsAreReported(t *testing.T) {
	broken := func(extra ...core.Option) *core.Daemon { panic("out of ink") }
	_, verdict := examine(t, broken, Scenario{Want: Want{Exit(0)}})
	says(t, verdict, "PID 100: panic outside of the daemon's own functions: out of ink", "promises_test.go", "want exit status 0")

	_, verdict = examine(t, poller, Scenario{
		Execute: Instantly(),
		Steps:   Steps{At(time.Second, Do("break", func(*World) { panic("dropped") })), stopAt(2 * time.Second)},
		Want:    Want{Exit(0), Check("more", func(*Result) error { panic("no more") })},
	})
	says(t, verdict, `step "break" panicked: dropped`, "an expectation panicked: no more")
	if strings.Contains(verdict, "want exit status") {
		t.Errorf("the scenario did not go on:\n%s", verdict)
	}
}

// t.FailNow, t.Fatal and the require of testify end their goroutine. Wherever
// one is called, the scenario goes on, or ends and says so.
func TestGoexitHangsNothing(t *testing.T) {
	exits := func(context.Context, *core.Daemon) error {
		runtime.Goexit()
		return nil
	}
	t.Run("in Execute", func(t *testing.T) {
		Run(t, poller, Scenario{
			Execute: Instantly().DoesAt(2, exits),
			Want: Want{
				Iterations(2), Failures(1), EndsAt(5 * time.Second), Exit(1), LockReleased(),
				Logs("Error: Execute #2: runtime.Goexit was called"), MailContains("Goexit"),
			},
		})
	})
	t.Run("in Setup", func(t *testing.T) {
		Run(t, poller, Scenario{
			Options: []core.Option{core.Setup(exits)}, Want: Want{Iterations(0), Exit(1), LockReleased(), Stderr("runtime.Goexit was called")},
		})
	})
	t.Run("in a signal's handler", func(t *testing.T) {
		Run(t, poller, Scenario{
			Options: []core.Option{core.OnSignal(syscall.SIGUSR2, exits)},
			Execute: Instantly(),
			Steps: Steps{
				At(time.Second, Signal(syscall.SIGUSR2)), At(2*time.Second, Signal(syscall.SIGUSR2)), stopAt(3 * time.Second),
			},
			Want: Want{LogsTimes("runtime.Goexit was called", 2), EndsAt(3 * time.Second), Exit(0)},
		})
	})
	t.Run("in the declaration", func(t *testing.T) {
		_, verdict := examine(t, func(...core.Option) *core.Daemon {
			runtime.Goexit()
			return nil
		}, Scenario{})
		says(t, verdict, "PID 100: runtime.Goexit was called outside of the daemon's own functions", "require")
	})
	t.Run("in a step", func(t *testing.T) {
		_, verdict := examine(t, poller, Scenario{
			Execute: Instantly(),
			Steps:   Steps{At(time.Second, Do("check", func(*World) { runtime.Goexit() })), stopAt(2 * time.Second)},
			Want:    Want{EndsAt(3 * time.Second)},
		})
		says(t, verdict, `step "check" called runtime.Goexit`, "want the daemon to end at 3s, got 2s")
	})
}

// All that is missed is reported together, and the lines to look at are
// marked in the timeline.
func TestAllMissesAreReportedTogether(t *testing.T) {
	set(t, seedFlag, 1)
	r, verdict := examine(t, poller, Scenario{
		Execute: Takes(time.Second/2).Except(2, 8*time.Second),
		Steps:   Steps{stopAt(16 * time.Second)},
		Want: Want{
			Iterations(5), IterationsAt(seconds(0, 5, 12)...), Overruns(0), Failures(1), Restarts(1), MissedTicks(7),
			Logs("no such line"), LogsTimes("Run Loop", 3), NoLog("Shutting Down"), LastLog("first"),
			Mails(0), MailContains("nothing"), Exit(1), Killed(), EndsAt(time.Second), FileContains("missing", "x"),
			NoFile("/var/log/poller/2026-01-01.log"), Stdout("out"), Stderr("err"), Notifies("READY=1"),
			Check("the impossible", func(*Result) error { return errors.New("impossible") }),
			ExitOf("-x", 0), Golden("missing"),
			Iterations(4), Exit(0), // these two are so
		},
	})
	says(t, verdict,
		"the scenario failed (seed 1):\n", "- want 5 iterations, got 4\n", "- want iterations at [0s 5s 12s], got [0s 5s 13s 15s]; want number 3 at 12s, got it at 13s\n",
		"- want 0 overruns, got 1\n", "- want 1 failed iterations, got 0\n", "- want 1 restarts, got 0\n", "- want 7 missed ticks, got 1\n",
		`- want a log message that contains "no such line", got none`, `- want 3 log messages that contain "Run Loop", got 2`,
		`- want 0 log messages that contain "Shutting Down", got 1`, `- want the last log message to contain "first", got "Shutdown Complete.`,
		"- want 0 mails, got 1\n", `- want a mail that contains "nothing", got 1 mails without it`, "- want exit status 1, got exit status 0\n",
		"- want the daemon to be killed, got exit status 0\n", "- want the daemon to end at 1s, got 16s (exit status 0)\n",
		`- want file missing to contain "x"`, "- want no file /var/log/poller/2026-01-01.log, got one that holds ",
		`- want standard output to contain "out"`, `- want standard error to contain "err"`, `- want notifications ["READY=1"], got []`,
		"- want the impossible, got: impossible\n", `"-x"`, "-daemontest.update", "timeline:\n",
		"> 00:05.000  execute #2 ... 8s  OVERRUN +3s\n", "> 00:16.000  end: exit status 0\n", "  00:16.000  step: SIGTERM\n",
		"> 00:13.000  log: Run Loop Taking Too Long. Duration: 8s Interval: 5s\n",
	)
	if n := strings.Count(verdict, "\n- "); n != 23 {
		t.Errorf("%d misses are reported, want 23:\n%s", n, verdict)
	}
	if strings.Contains("\n"+r.Timeline(), "\n>") {
		t.Error("the timeline itself has marks")
	}
}

// A long timeline is shortened to its start, its end and the lines to look at.
func TestALongTimelineIsAbridged(t *testing.T) {
	_, verdict := examine(t, poller, Scenario{
		Execute: Instantly().FailsAt(400, errors.New("boom")),
		Options: []core.Option{core.MaxConsecutiveFailures(2)},
		Steps:   Steps{stopAt(time.Hour)},
		Want:    Want{Failures(0)},
	})
	says(t, verdict, "  00:00.000  execute #1\n", "  01:00:00.000  end: exit status 0", "> 33:15.000  execute #400  FAILED: boom\n", "lines ...\n")
	if n := strings.Count(verdict, "\n"); n > verdictLines+20 {
		t.Errorf("the verdict has %d lines", n)
	}
}

func TestGoldenComparesAndRewrites(t *testing.T) {
	t.Chdir(t.TempDir())
	s := Scenario{Execute: Instantly(), Steps: Steps{stopAt(12 * time.Second)}, Want: Want{Golden("life")}}
	_, verdict := examine(t, poller, s)
	says(t, verdict, "golden timeline:", "-daemontest.update")

	set(t, updateFlag, true)
	Run(t, poller, s)
	*updateFlag = false
	r := Run(t, poller, s)
	if content, err := os.ReadFile("testdata/life.golden"); string(content) != r.Timeline() || err != nil {
		t.Errorf("the golden file holds %q, %v", content, err)
	}

	s.Execute = Instantly().Except(2, time.Second)
	_, verdict = examine(t, poller, s)
	says(t, verdict, "want the timeline of testdata/life.golden", "want:   00:05.000  execute #2\n", "got:    00:05.000  execute #2 ... 1s")
}

// Run within a bubble cannot be, and says so.
func TestABubbleInABubbleIsRefused(t *testing.T) {
	var verdict string
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { _, verdict = examine(t, poller, slowAPI) }) })
	says(t, verdict, "call it outside of one")
}

// A failure names the seed, and that seed alone shows it again.
func TestAFailureNamesItsSeed(t *testing.T) {
	set(t, seedFlag, 42)
	_, verdict := examine(t, poller, Scenario{Execute: Instantly(), Steps: Steps{stopAt(time.Second)}, Want: Want{Exit(1)}})
	says(t, verdict, "(seed 42)")
	_, verdict = examine(t, poller, Scenario{
		Execute: Instantly(), Want: Want{Exit(1)},
		Steps: Steps{At(time.Second, Do("look", func(w *World) { w.Fail("looks bad: %d", 7) })), stopAt(2 * time.Second)},
	})
	says(t, verdict, "- looks bad: 7\n", fmt.Sprintf("- want exit status %d", 1))
}
