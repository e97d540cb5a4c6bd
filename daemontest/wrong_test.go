package daemontest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
)

// wrong is a way to write a wrong test: each of them would pass, or fail in the
// dark, if it were not answered.
type wrong struct {
	name     string
	declare  NewFunc
	scenario Scenario
	says     string // of the verdict, and of docs/testing.md
}

// unlocked is a daemon without a lock and without a log file.
func unlocked(extra ...core.Option) *core.Daemon {
	return core.New("poller", append([]core.Option{
		core.Every(5 * time.Second),
		core.Execute(func(_ context.Context, d *core.Daemon) error { d.Logf("polled"); return nil }),
	}, extra...)...)
}

// flagged has a flag for its interval.
func flagged(extra ...core.Option) *core.Daemon {
	return poller(append([]core.Option{core.Flags(func(app *kingpin.Application) { app.Flag("every", "").Duration() })}, extra...)...)
}

// relative has a lock and a log in the folder that it is started in.
func relative(extra ...core.Option) *core.Daemon {
	return poller(append([]core.Option{core.WithLock(lock.File("hb.lock")), core.WithLog(logfile.Fixed("hb.log"))}, extra...)...)
}

var wrongs = []wrong{
	{
		"a flag is misspelt, and only what must not happen is wanted", flagged,
		Scenario{Args: "--evry 5s", Want: Want{NoFile("hb.pid"), NoLog("Error"), Mails(0)}},
		"want exit status 0, got exit status 1: the daemon, PID 100, ended at 0s, and never ran as a daemon. Where that is meant, want Exit(1). It said:",
	},
	{
		"another process has the lock, so the daemon never runs", poller,
		Scenario{Held: []string{"/run/poller.lock"}, Want: Want{Exit(0), NoLog("Error")}},
		"want a daemon that becomes ready, got exit status 0: the daemon, PID 100, ended at 7ms, before it was ready. Where that is meant, want NeverReady().",
	},
	{
		"the daemon dies of an error that nobody looked for", poller,
		Scenario{Execute: Instantly().FailsAt(3, errors.New("boom")), Want: Want{Iterations(3)}},
		"want exit status 0, got exit status 1: the daemon, PID 100, ended at 10s, after it was ready. Where that is meant, want Exit(1).",
	},
	{
		"a command that the test runs fails", poller,
		Scenario{Args: "-p poller.pid", Steps: Steps{At(time.Second, Command("-s dump -p other.pid")), stopAt(2 * time.Second)}, Want: Want{Exit(0)}},
		`want exit status 0, got exit status 1: "-s dump -p other.pid", PID 101, ended at 1s, and never ran as a daemon. Where that is meant, want ExitOf("-s dump -p other.pid", 1).`,
	},
	{
		"the log line that a step waits for is misspelt", poller,
		Scenario{Steps: Steps{stopAt(time.Second), AfterLog("Shuting Down", 0, MailDown(errors.New("451")))}, Want: Want{Exit(0)}},
		`want the step "0s after the log line \"Shuting Down\": mail server: 451", got no such event; the nearest is "Shutting Down: SIGTERM"`,
	},
	{
		"a step waits for an iteration that never comes", poller,
		Scenario{Steps: Steps{stopAt(time.Second), AfterIteration(99, 0, MailDown(errors.New("451")))}, Want: Want{Exit(0)}},
		`want the step "0s after the end of iteration 99: mail server: 451", got no such event`,
	},
	{
		"a rule of the script is for an iteration that never comes", poller,
		Scenario{Execute: Instantly().FailsAt(60, errors.New("boom")), Steps: Steps{stopAt(12 * time.Second)}, Want: Want{Exit(0)}},
		"want an iteration for the script's rule FailsAt(60, …), got none",
	},
	{
		"a signal is sent to a daemon that has ended", poller,
		Scenario{Steps: Steps{stopAt(time.Second), At(2*time.Second, Signal(syscall.SIGHUP))}, Want: Want{Exit(0)}},
		"a step found nothing to act on, at 2s: SIGHUP: the scenario's own daemon, PID 100, had ended at 1s",
	},
	{
		"the world is changed when nobody is left to notice", poller,
		Scenario{Steps: Steps{stopAt(time.Second), At(2*time.Second, DiskFull(true))}, Want: Want{Exit(0)}},
		"a step came when every process had ended, at 2s: disk full: true",
	},
	{
		"a file that is removed or renamed is not there", poller,
		Scenario{Args: "-p poller.pid", Steps: Steps{At(time.Second, RemoveFile("poler.pid")), stopAt(2 * time.Second)}, Want: Want{Exit(0)}},
		"a step found nothing to act on, at 1s: rm poler.pid: there is no such file",
	},
	{
		"a lock that is stolen or freed is misspelt", poller,
		Scenario{Steps: Steps{At(time.Second, StealLock("file:/run/poler.lock")), stopAt(2 * time.Second)}, Want: Want{Exit(0)}},
		`want a daemon that uses the lock "file:/run/poler.lock" (file:/run/poler.lock), got: file:/run/poller.lock`,
	},
	{
		"a path that is denied is one that nobody asks for", poller,
		Scenario{Args: "-p poller.pid", Deny: map[string]error{"poler.pid": syscall.EACCES}, Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0)}},
		`want a daemon that asks for the denied path "poler.pid", got none`,
	},
	{
		"a second daemon ends well, and the scenario's own does not", poller,
		Scenario{
			Execute: Instantly().FailsAt(3, errors.New("boom")),
			Steps:   Steps{At(12*time.Second, Command("-v")), At(18*time.Second, SignalTo("-v", syscall.SIGTERM))},
			Want:    Want{Exit(0)},
		},
		"want exit status 0, got exit status 1",
	},
	{
		"a step is meant for the second daemon's iteration", poller,
		Scenario{
			Args:    "-p a.pid",
			Options: []core.Option{core.WithLock(lock.Null())},
			Steps:   Steps{At(time.Second, Command("-p b.pid")), AfterIteration(3, time.Second, SignalTo("-p b.pid", syscall.SIGTERM)), stopAt(8 * time.Second), At(20*time.Second, SignalTo("-p b.pid", syscall.SIGTERM))},
			Want:    Want{Exit(0)},
		},
		`want the step "1s after the end of iteration 3: SIGTERM to \"-p b.pid\"", got no such event`,
	},
	{
		"a lock with a TTL outlives the daemon that was killed", poller,
		Scenario{
			Options: []core.Option{core.WithLock(Leased("memory:poller", time.Minute))},
			Steps:   Steps{At(3*time.Second, Signal(syscall.SIGKILL))}, Want: Want{Killed(), LockReleased()},
		},
		"want every lock to be released, got memory:poller still held by PID 100, until its TTL is over",
	},
	{
		"the daemon has no lock that it could release", unlocked,
		Scenario{Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), LockReleased()}},
		"want every lock to be released, got none that was ever taken",
	},
	{
		"the log goes nowhere, because -d has no log file", unlocked,
		Scenario{Args: "-d", Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), Logs("polled")}},
		`want a log message that contains "polled", got 1 that reached nobody: neither a log file nor a standard output that leads somewhere`,
	},
	{
		"a word of a log line is in another case", poller,
		Scenario{Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), Logs("shutdown complete")}},
		`want a log message that contains "shutdown complete", got none; the nearest is "Shutdown Complete. Uptime: 2s Iterations: 1 Exit status: 0"`,
	},
	{
		"AnyOf has nothing to choose from", poller,
		Scenario{Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), AnyOf()}},
		"want one of the lists of AnyOf, got no list",
	},
	{
		"several runs have the same command line, and only the first is as wanted", poller,
		Scenario{
			Args: "-p poller.pid",
			Steps: Steps{
				At(time.Second, Command("-s dump -p poller.pid")), stopAt(2 * time.Second), At(3*time.Second, Command("-s dump -p poller.pid")),
			},
			Want: Want{Exit(0), ExitOf("-s dump -p poller.pid", 0)},
		},
		`want "-s dump -p poller.pid" to end with exit status 0, got PID 102: exit status 1`,
	},
	{
		"the end is wanted a second too early", poller,
		Scenario{Execute: Takes(3 * time.Second), Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), EndsAt(2 * time.Second)}},
		"want the daemon to end at 2s, got 3s (exit status 0)",
	},
	{
		"nothing stops the daemon", poller,
		Scenario{Want: Want{Iterations(3)}},
		"the daemon had not ended after 1h0m0s and was cut off: add a step that stops it",
	},
	{
		"something is out of order that the daemon never uses", poller,
		Scenario{Steps: Steps{At(time.Second, MailDown(errors.New("451"))), stopAt(2 * time.Second)}, Want: Want{Exit(0), Mails(0)}},
		`a step changed nothing that a daemon met afterwards, at 1s: mail server: 451`,
	},
	{
		"the task of a script for children is misspelt", nursery(1, greetTask),
		Scenario{Children: map[string]ChildScript{"greets": Child().Exits(3)}, Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Forks("greet", 1)}},
		`want a child of the task "greets", which Scenario.Children names, got none; the nearest is "greet"`,
	},
	{
		"a rule is for a child that is never forked", nursery(2, greetTask),
		Scenario{
			Children: map[string]ChildScript{"greet": Child().Except(3, Child().Hangs())},
			Steps:    Steps{stopAt(3 * time.Second)}, Want: Want{NoLog("killed")},
		},
		`want a child of the task "greet" for the rule Except(3, …), got none`,
	},
	{
		"a child fails, and nobody looks", nursery(1, brokenTask),
		Scenario{Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), ChildrenGone()}},
		`want exit status 0, got exit status 1: child 1 of the task broken, PID 101, ended at 0s. Where that is meant, want ChildEnds("broken", 1, "exit status 1").`,
	},
	{
		"a signal is sent to a child that has ended", nursery(1, greetTask),
		Scenario{Steps: Steps{At(time.Second, SignalChild("greet", 1, syscall.SIGKILL)), stopAt(2 * time.Second)}, Want: Want{ChildrenGone()}},
		"a step found nothing to act on, at 1s: SIGKILL to child 1 of the task greet: no such child lives",
	},
	{
		"children are gone because there were none", unlocked,
		Scenario{Steps: Steps{stopAt(2 * time.Second)}, Want: Want{Exit(0), ChildrenGone()}},
		"want children that are gone in the end, got no child at all",
	},
	{
		"a rule is for a call that no worker gets", rawCalls(2),
		Scenario{
			Children: map[string]ChildScript{"counters": Child().InCall("count", 3, Child().Exits(3))},
			Steps:    Steps{stopAt(2 * time.Second)}, Want: Want{Logs("worker: exit status 0")},
		},
		`want a call of a worker of "counters" for the rule InCall("count", 3, …), got none`,
	},
}

// Each wrong test is told what is wrong with it.
func TestWrongTestsAreTold(t *testing.T) {
	for _, c := range wrongs {
		t.Run(c.name, func(t *testing.T) {
			_, verdict := examine(t, c.declare, c.scenario)
			says(t, verdict, "- "+c.says)
			if n := strings.Count(verdict, "\n"); n > 150 {
				t.Errorf("the verdict has %d lines", n)
			}
		})
	}
}

// docs/testing.md holds each of them, with the sentence that answers it.
func TestThePageOfWrongTestsIsTrue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "testing.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| \d+ \|.*$`).FindAllString(string(page), -1)
	if len(rows) != len(wrongs) {
		t.Errorf("the page has %d rows, want %d", len(rows), len(wrongs))
	}
	for i, c := range wrongs {
		want := row(i+1, c)
		if i >= len(rows) || rows[i] != want {
			t.Errorf("row %d of docs/testing.md: want\n%s", i+1, want)
		}
	}
}

// row is the line of the page for a wrong test.
func row(n int, c wrong) string {
	return fmt.Sprintf("| %d | %s | `%s` |", n, strings.ToUpper(c.name[:1])+c.name[1:], strings.ReplaceAll(c.says, "|", `\|`))
}
