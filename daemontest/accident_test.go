package daemontest

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// A lock is named as the daemon itself names it: a relative path is one from the
// folder of the command line.
func TestLocksAreNamedAsTheDaemonNamesThem(t *testing.T) {
	for _, url := range []string{"file:hb.lock", "hb.lock", "file:///world/hb.lock"} {
		Run(t, relative, Scenario{Held: []string{url}, Want: Want{NeverReady(), Exit(0), NoLock(), Logs("lock file:/world/hb.lock is held")}})
	}
	Run(t, relative, Scenario{
		Steps: Steps{At(time.Second, StealLock("hb.lock")), At(2*time.Second, FreeLock("file:hb.lock")), stopAt(3 * time.Second)},
		Want:  Want{Exit(0)},
	})

	// What somebody else holds in the end is not the daemon's to release.
	Run(t, relative, Scenario{
		Args:  "-p a.pid",
		Steps: Steps{At(time.Second, Command("-p b.pid")), At(2*time.Second, StealLock("hb.lock")), stopAt(3 * time.Second)},
		Want:  Want{Exit(0), ExitOf("-p b.pid", 0), LockReleased()},
	})
}

// One that only prints is no daemon, but a scenario must have asked for that.
func TestADaemonThatOnlyPrintsIsAskedFor(t *testing.T) {
	_, verdict := examine(t, poller, Scenario{Args: "-H"})
	says(t, verdict, "want a daemon that becomes ready, got exit status 0: the daemon, PID 100, ended at 0s, and never ran as a daemon. Where that is meant, want Exit(0).")
}

// Programs that only print, or only send a signal, are no daemons: nothing has
// to become ready.
func TestWhatIsNoDaemonNeedNotBecomeReady(t *testing.T) {
	for _, args := range []string{"-H", "-i"} {
		Run(t, poller, Scenario{Args: args, Want: Want{Exit(0), NoLock()}})
	}
	Run(t, poller, Scenario{Args: "-s stop -p poller.pid", Want: Want{Exit(1)}})
	Run(t, poller, Scenario{Args: "-s stop -p poller.pid", Want: Want{ExitOf("-s stop -p poller.pid", 1)}})

	// A trial that is refused is the restart's affair, and a second instance
	// that finds the lock held ends as it should.
	Run(t, poller, Scenario{
		Args: "-d -p poller.pid",
		Options: []core.Option{core.CheckEnvironment(func(_ context.Context, d *core.Daemon) error {
			if d.Clock().Wall().Second() == 6 {
				return errors.New("not now")
			}
			return nil
		})},
		Steps: Steps{At(6*time.Second, Signal(syscall.SIGHUP)), At(8*time.Second, Command("-d -p poller.pid")), stopAt(9 * time.Second)},
		Want:  Want{Exit(0), Restarts(0), Logs("not now")},
	})
}

// A launcher tells what becomes of its daemon: it is enough to speak of one of
// them. Of a daemon that dies later its launcher knows nothing.
func TestALauncherAndItsDaemonAreOneStart(t *testing.T) {
	fails := core.Setup(func(context.Context, *core.Daemon) error { return errors.New("no database") })
	for _, want := range []Expectation{Exit(1), ExitOf("-d", 1)} {
		Run(t, poller, Scenario{Args: "-d", Options: []core.Option{fails}, Want: Want{want}})
	}
	_, verdict := examine(t, poller, Scenario{Args: "-d", Options: []core.Option{fails}})
	says(t, verdict, "(seed 1):\n- want exit status 0, got exit status 1: the daemon, PID 101,", "no database")
	if strings.Contains(verdict, "PID 100") {
		t.Errorf("one start is told twice:\n%s", verdict)
	}

	// It comes first, and with it nothing of what then could not be. Where the
	// daemon itself has said nothing, its launcher's words are told.
	check := core.CheckEnvironment(func(context.Context, *core.Daemon) error { return errors.New("no key") })
	_, verdict = examine(t, poller, Scenario{
		Args: "-d", Options: []core.Option{check}, Execute: Instantly().FailsAt(2, errors.New("boom")), Held: []string{"x"},
		Steps: Steps{At(0, Do("look", func(w *World) { w.Fail("looks bad") }))}, Want: Want{Iterations(3)},
	})
	says(t, verdict, "(seed 1):\n- want exit status 0, got exit status 1: the daemon, PID 101,", "It said:\n    poller: no key\n- looks bad\n- want 3 iterations, got 0\n")
	if strings.Contains(verdict, "FailsAt") || strings.Contains(verdict, "uses the lock") {
		t.Errorf("the verdict tells what the start explains:\n%s", verdict)
	}

	const next = "-d -p next.pid"
	late := Scenario{
		Args:    "-d",
		Execute: Instantly().FailsAt(2, errors.New("boom")),
		Options: []core.Option{core.MaxConsecutiveFailures(1)},
		Steps:   Steps{At(10*time.Second, Command(next))},
		Want:    Want{Exit(1), ExitOf(next, 0)},
	}
	_, verdict = examine(t, poller, late)
	says(t, verdict, `got exit status 1: "-d -p next.pid", PID 103, ended at 15s, after it was ready. Where that is meant, want Of("-d -p next.pid", …).`)
	late.Want = append(late.Want, Of(next, Exit(1), EndsAt(15*time.Second)))
	Run(t, poller, late)
	late.Want = append(late.Want, Of(next, Exit(0)), Of("-d -p nest.pid", Exit(0)), NeverReady())
	_, verdict = examine(t, poller, late)
	says(t, verdict, "- of -d -p next.pid: want exit status 0, got exit status 1\n",
		`want a daemon of "-d -p nest.pid", got none: no Command has started it; the nearest is "-d -p next.pid"`,
		"- want a daemon that never becomes ready, got one that was at 0s\n")
}

// What a list of AnyOf says counts where the whole list is true.
func TestAnyOfSpeaksOnlyForTheListThatIsTrue(t *testing.T) {
	s := Scenario{
		Execute: Instantly().FailsAt(2, errors.New("boom")),
		Want:    Want{AnyOf(Want{Exit(1), Logs("no such line")}, Want{Iterations(2)})},
	}
	_, verdict := examine(t, poller, s)
	says(t, verdict, "Where that is meant, want Exit(1)")
	s.Want = Want{AnyOf(Want{Logs("no such line")}, Want{Iterations(2), Exit(1)})}
	Run(t, poller, s)
}

func TestMaybeOptsOut(t *testing.T) {
	Run(t, poller, Scenario{
		Execute: Instantly().FailsAt(60, errors.New("boom")).Maybe().Except(2, time.Second),
		Steps: Steps{
			AfterLog("no such line", 0, MailDown(nil)).Maybe(), AfterIteration(99, 0).Maybe(), stopAt(8 * time.Second),
			At(time.Second, RemoveFile("a"), RenameFile("a", "b"), FreeLock("a.lock"), SignalTo("-v", syscall.SIGHUP)).Maybe(),
			At(9*time.Second, Signal(syscall.SIGTERM), DiskFull(true)).Maybe(),
		},
		Want: Want{Exit(0)},
	})
	// A change after the end that a later process can notice counts as met.
	Run(t, poller, Scenario{
		Steps: Steps{stopAt(time.Second), At(2*time.Second, Memory(1<<20)), At(3*time.Second, Command("-H"))}, Want: Want{Exit(0)},
	})
	for what, f := range map[string]func(){
		"a script without a rule":    func() { Instantly().Maybe() },
		"Of a step without an event": func() { At(time.Second).Of("-v") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: want a panic", what)
				}
			}()
			f()
		}()
	}
}

// Steps that have not happened are listed, also those that need not.
func TestAFailureListsTheStepsThatHaveNotHappened(t *testing.T) {
	_, verdict := examine(t, poller, Scenario{
		Steps: Steps{stopAt(time.Second), AfterLog("dropped", time.Second, DiskFull(true)).Maybe()}, Want: Want{Exit(1)},
	})
	says(t, verdict, "steps that have not happened:\n  1s after the log line \"dropped\": disk full: true\ntimeline:\n")
	_, verdict = examine(t, poller, Scenario{Limit: 2 * time.Second, Steps: Steps{stopAt(time.Minute)}})
	says(t, verdict, "had not ended after 2s", "steps that have not happened:\n  at 1m0s: SIGTERM\n")
	if strings.Contains(verdict, "Killed()") {
		t.Errorf("the end by the harness is told as one of the scenario:\n%s", verdict)
	}
}

// A line of another process is not this one's.
func TestALineIsItsWritersOwn(t *testing.T) {
	e := timeline.Entry{PID: 100, Text: "a \"beat\"\nand more"}
	for content, want := range map[string]bool{
		"[2026-01-01 00:00:00] 100 a \"beat\"\n[2026-01-01 00:00:00] 100 and more\n":            true,
		"[2026-01-01 00:00:00] 1100 a \"beat\"\n":                                               false,
		"[2026-01-01 00:00:00] 101 a \"beat\"\n[2026-01-01 00:00:00] 100 something else\n":      false,
		`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"a \"beat\"\nand more","pid":100}`: true,
		`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"a \"beat\"\nand more","pid":101}`: false,
		"": false,
	} {
		if got := hasLine(content, e); got != want {
			t.Errorf("hasLine(%q) = %t", content, got)
		}
	}
}

// A line that is held for a full disk has reached nobody until it is written.
func TestALineThatIsHeldHasReachedNobody(t *testing.T) {
	beat := Does(func(_ context.Context, d *core.Daemon) error { d.Logf("beat %d", d.Iteration()); return nil })
	s := Scenario{
		Args: "-d", Execute: beat,
		Steps: Steps{At(6*time.Second, DiskFull(true)), stopAt(18 * time.Second)},
		Want:  Want{Exit(0), Logs("beat 2"), Logs("beat 3"), LogsTimes("beat", 4), LastLog("Shutdown Complete"), NoLog("beat 4")},
	}
	_, verdict := examine(t, poller, s)
	says(t, verdict, `want a log message that contains "beat 3", got 1 that reached nobody`, "log (reached nobody): beat 3\n", "log: beat 2\n",
		`want 4 log messages that contain "beat", got 2, and 2 that reached nobody`, `want the last log message to contain "Shutdown Complete", got "beat 2"`,
		`want 0 log messages that contain "beat 4", got 1`)

	s.Steps = append(s.Steps, At(16*time.Second, DiskFull(false)))
	s.Want = Want{Exit(0), LogsTimes("beat", 4), LastLog("Shutdown Complete")}
	if r := Run(t, poller, s); strings.Contains(r.Timeline(), "reached nobody") {
		t.Errorf("written lines are marked:\n%s", r.Timeline())
	}
	Run(t, poller, Scenario{ // a launcher tells it
		Args: "-d", Held: []string{"/run/poller.lock"}, Want: Want{NeverReady(), Exit(0), Logs("Lock Detected")},
	})
	s.Args = "" // where standard output has them at once
	s.Steps = s.Steps[:2]
	Run(t, poller, s)
}

// Standard error and output are in the timeline; what is in the log is there
// once.
func TestStandardStreamsAreInTheTimeline(t *testing.T) {
	r := Run(t, poller, Scenario{
		Args:  "-v",
		Steps: Steps{At(time.Second, Command("--nonsense")), stopAt(2 * time.Second)},
		Want:  Want{Exit(0), ExitOf("--nonsense", 1)},
	})
	text := r.Timeline()
	for line, n := range map[string]int{
		"  00:01.000  101 stderr: poller: unknown long flag '--nonsense'; see --help\n": 1, "Application Startup": 1, "stdout": 0,
	} {
		if got := strings.Count(text, line); got != n {
			t.Errorf("want %d times %q, got %d:\n%s", n, line, got, text)
		}
	}
	r = Run(t, poller, Scenario{Args: "-H", Want: Want{Exit(0), Stdout("USAGE: poller")}})
	if text := r.Timeline(); strings.Count(text, "stdout: ") != 1 || !strings.Contains(text, "stdout: poller\n") {
		t.Errorf("want the help as one entry, got\n%s", text)
	}
}

// A failed count over hours shows the first, the last and those around the one
// that breaks the rhythm.
func TestAFailedCountShowsWhereItDiverges(t *testing.T) {
	life := Scenario{
		Execute: Instantly().Except(400, 11*time.Second),
		Steps:   Steps{stopAt(time.Hour)},
		Want:    Want{Iterations(720)},
	}
	_, verdict := examine(t, poller, life)
	says(t, verdict, "want 720 iterations, got 719; most are 5s apart, but number 401 comes 11s after the one before, at 33m26s", "lines ...\n",
		"> 00:00.000  execute #1\n", "> 33:26.000  execute #401\n", "> 59:55.000  execute #719\n")
	life.Want = Want{IterationsAt(make([]time.Duration, 720)...)}
	_, verdict = examine(t, poller, life)
	says(t, verdict, "want 720 iterations at the times given, got 719; want number 2 at 0s, got it at 5s")
	if n := strings.Count(verdict, "\n"); n > 120 {
		t.Errorf("the verdict has %d lines", n)
	}
}

// Of many seeds a golden file has the first; the others are compared with it.
func TestAGoldenHoldsForAllOrders(t *testing.T) {
	t.Chdir(t.TempDir())
	nothing := func(*World) {}
	tie := Scenario{
		Orders: 20, Want: Want{Exit(0), Golden("tie")},
		Steps: Steps{At(4*time.Second, Do("a", nothing)).AnyOrder(), At(4*time.Second, Do("b", nothing)).AnyOrder(), stopAt(6 * time.Second)},
	}
	set(t, updateFlag, true)
	r, verdict := examine(t, poller, tie)
	says(t, verdict, "want the timeline of testdata/tie.golden, got another one from line", "  want:   00:04.000  step: ", "One file cannot hold the timelines of several seeds")
	file, err := os.ReadFile("testdata/tie.golden")
	if err != nil || string(file) == r.Timeline() {
		t.Errorf("a later seed has rewritten the file: %v", err)
	}
	tie.Steps = tie.Steps[1:]
	if r := Run(t, poller, tie); !strings.Contains(r.note, "20 orders gave one and the same timeline") {
		t.Errorf("want a note that the orders make no difference, got %q", r.note)
	}
}

// Orders that make a difference are no matter for a note.
func TestOrdersThatDifferAreNotNoted(t *testing.T) {
	if r := Run(t, poller, Scenario{Orders: 20, Steps: Steps{stopAt(10 * time.Second)}, Want: Want{Exit(0)}}); r.note != "" {
		t.Errorf("want no note, got %q", r.note)
	}
}

// A golden holds no folder of the machine.
func TestAGoldenHoldsNoFolderOfTheMachine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", "/home/someone")
	t.Setenv("TMPDIR", "/tmp")
	t.Setenv("XDG_RUNTIME_DIR", "")
	got := withoutMachine("open " + dir + "/x: no; " + core.RuntimePath("hb.lock") + " /home/someone/.netrc /home/someoneelse /tmp/a /tmpfs /opt/tmp/b http://tmp/c")
	if want := "open $PWD/x: no; $RUNTIME/hb.lock $HOME/.netrc /home/someoneelse $TMPDIR/a /tmpfs /opt/tmp/b http://tmp/c"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if got := withoutMachine(core.RuntimePath("hb.lock")); got != "$RUNTIME/hb.lock" {
		t.Errorf("got %q", got)
	}
}

func TestTheNearestIsNamed(t *testing.T) {
	lines := []string{"Application Startup. PID: 100", "Shutting Down: SIGTERM\nand more", "fetched 12 rows from the API"}
	for text, want := range map[string]string{
		"Shuting Down": `; the nearest is "Shutting Down: SIGTERM"`, "sHUTTING dOWN": `; the nearest is "Shutting Down: SIGTERM"`,
		"rows fetched from the API": `; the nearest is "fetched 12 rows from the API"`, "no such thing": "", "zz": "",
	} {
		if got := nearest(text, lines); got != want {
			t.Errorf("nearest(%q) = %q, want %q", text, got, want)
		}
	}
	if got := clip(strings.Repeat("ä", 1000)); len([]rune(got)) != clipLength+3 {
		t.Errorf("%d characters are left", len([]rune(got)))
	}
}

// A path that a step makes unusable must be one that a daemon asks for, and a
// step that changes the world must find somebody in it.
func TestStepsThatNobodyMeetsAreMisses(t *testing.T) {
	var network Network
	network.HandleConn("h", func(net.Conn) {})
	for _, c := range []struct {
		step Step
		says string
	}{
		{At(time.Second, DenyFile("poler.pid", os.ErrPermission)), `want a daemon that asks for the denied path "poler.pid", got none`},
		{At(5*time.Second, WriteFile("x", "y")), "a step came when every process had ended, at 5s: write x"},
		{At(5*time.Second, OverwriteFile("hb.lock", "y")), "a step came when every process had ended, at 5s: overwrite hb.lock"},
		{At(5*time.Second, StealLock("hb.lock")), "a step came when every process had ended, at 5s: lock hb.lock is somebody else's"},
		{At(5*time.Second, FreeLock("hb.lock")), "a step came when every process had ended, at 5s: lock hb.lock is free"},
		{At(5*time.Second, HostResets("h")), "a step came when every process had ended, at 5s: host h resets"},
		{At(time.Second, HostRefuses("h", true)), "a step changed nothing that a daemon met afterwards, at 1s: host h refuses: true"},
		{At(time.Second, HostResets("h")), "a step changed nothing that a daemon met afterwards, at 1s: host h resets"},
		{At(time.Second, MailDown(os.ErrDeadlineExceeded)), "a step changed nothing that a daemon met afterwards, at 1s: mail server: i/o timeout"},
		{At(time.Second, MailTakes(time.Second)), "a step changed nothing that a daemon met afterwards, at 1s: mail server takes 1s"},
		{At(2*time.Second, LockOutage(os.ErrDeadlineExceeded), LockOutage(nil)), "a step changed nothing that a daemon met afterwards, at 2s: lock store: i/o timeout"},
		{At(2*time.Second, LockTakes(time.Second), LockTakes(0)), "a step changed nothing that a daemon met afterwards, at 2s: lock store takes 1s"},
		{At(time.Second, BreakBinary(os.ErrPermission)), "a step changed nothing that a daemon met afterwards, at 1s: binary: permission denied"},
		{At(time.Second, HangBinary()), "a step changed nothing that a daemon met afterwards, at 1s: binary hangs"},
		{At(time.Second, LoseBinary()), "a step changed nothing that a daemon met afterwards, at 1s: binary is gone"},
		{At(time.Second, DiskFull(true), DiskFull(false)), "a step changed nothing that a daemon met afterwards, at 1s: disk full: true"},
		{At(time.Second, DiskReadOnly(true), DiskReadOnly(false)), "a step changed nothing that a daemon met afterwards, at 1s: disk read-only: true"},
		{At(time.Second, DiskTakes(time.Second), DiskTakes(0)), "a step changed nothing that a daemon met afterwards, at 1s: disk takes 1s"},
		{At(time.Second, StdoutBlocks(true), StdoutBlocks(false)), "a step changed nothing that a daemon met afterwards, at 1s: stdout blocks: true"},
		{At(time.Second, Signal(syscall.Signal(70))), "step: signal 70: invalid argument"},
	} {
		scenario := Scenario{Args: "-p hb.pid", Network: &network, Steps: Steps{c.step, stopAt(2 * time.Second)}, Want: Want{Exit(0)}}
		if _, verdict := examine(t, relative, scenario); !strings.Contains(verdict, "\n- "+c.says) || strings.Count(verdict, "\n- ") != 1 {
			t.Errorf("want %q and nothing else, got\n%s", c.says, verdict)
		}
		if strings.HasPrefix(c.says, "step:") {
			continue
		}
		scenario.Steps = Steps{c.step.Maybe(), stopAt(2 * time.Second)}
		Run(t, relative, scenario)
	}
}
