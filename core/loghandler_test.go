package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/slogger"
)

// collector is a handler that keeps what it takes, and fails where it is told to.
type collector struct {
	mu     sync.Mutex
	taken  []logfile.Message
	refuse func(m logfile.Message) error
}

func (c *collector) Handle(m logfile.Message) error {
	if c.refuse != nil {
		if err := c.refuse(m); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = append(c.taken, m)
	return nil
}

// took wants messages that begin so to have been taken with this level and PID, or
// none. A scenario is played twice, so how many there are is not told.
func (c *collector) took(begin string, level logfile.Level, pid int, any bool) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("the handler took %q", begin), func(*daemontest.Result) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		found := slices.ContainsFunc(c.taken, func(m logfile.Message) bool {
			return strings.HasPrefix(m.Text, begin) && m.Level == level && m.PID == pid
		})
		if found != any {
			return fmt.Errorf("found %v: %v", found, c.taken)
		}
		return nil
	})
}

// handled is the poller whose log a collector takes.
func handled(c *collector, options ...core.Option) daemontest.NewFunc {
	return equipped(append([]core.Option{core.WithLogHandler(c)}, options...)...)
}

// A handler takes the whole log in the place of a file: start, messages, alerts
// and dumps, each with its level, over a restart; and mails have the last lines.
func TestAHandlerTakesTheLog(t *testing.T) {
	var c collector
	play(t, handled(&c), daemontest.Scenario{
		Args: "-d -p poller.pid",
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			d.Logf("beat %d", d.Iteration())
			d.Debugf("not shown")
			if d.Iteration() == 2 {
				d.Logf("Warning: second")
				d.Alertf("third")
			}
			return nil
		}),
		Steps: daemontest.Steps{at(1.5, usr1), at(2.5, hup), stopAt(4.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.NoFile(logPath), daemontest.Mails(1), daemontest.Restarts(1),
			daemontest.Logs("Log file:          none: a handler takes the log\n"),
			daemontest.MailContains("] 101 beat 1\n"),
			c.took("Application Startup", logfile.Info, 101, true), c.took("beat 1", logfile.Info, 101, true),
			c.took("Warning: second", logfile.Warn, 101, true), c.took("third", logfile.Error, 101, true),
			c.took("Dump of poller", logfile.Info, 101, true), c.took("beat 4", logfile.Info, 101, true),
			c.took("Shutdown Complete", logfile.Info, 101, true), daemontest.NoLog("not shown"),
		},
	})
}

// What a handler does not take goes to standard output, with one warning; and a
// panic in it harms nobody.
func TestAHandlerThatFails(t *testing.T) {
	c := collector{refuse: func(m logfile.Message) error {
		if strings.Contains(m.Text, "beat 2") {
			panic("no more")
		}
		if strings.Contains(m.Text, "beat 3") {
			return errors.New("disk full")
		}
		return nil
	}}
	play(t, handled(&c), daemontest.Scenario{
		Execute: daemontest.Does(beat),
		Steps:   daemontest.Steps{stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Logs("beat 2"), daemontest.Stdout("] 100 beat 2\n"), daemontest.Stdout("] 100 beat 3\n"), noStdout("beat 1"), noStdout("beat 4"),
			daemontest.Stdout("Warning: the log's handler has failed. What it does not take goes to standard output: panic: no more\n"), noStdout("disk full"),
		},
	})
}

// A handler that does not return delays no iteration and no dump; what was queued for it
// follows.
func TestAHandlerThatIsSlow(t *testing.T) {
	c := collector{refuse: func(m logfile.Message) error {
		if strings.Contains(m.Text, "beat 2") {
			time.Sleep(4 * time.Second)
		}
		return nil
	}}
	play(t, handled(&c), daemontest.Scenario{
		Execute: daemontest.Does(beat),
		Steps:   daemontest.Steps{at(2.5, daemontest.Signal(syscall.SIGUSR1)), stopAt(3.5)},
		Want: daemontest.Want{
			startsAt(0, 1, 2, 3), daemontest.Exit(0), endsBy(4.6),
			c.took("beat 3", logfile.Info, 100, false), daemontest.Logs("Dump of poller"),
		},
	})
}

func noStdout(text string) daemontest.Expectation {
	return daemontest.Check("nothing on standard output of "+text, func(r *daemontest.Result) error {
		if out := r.World().Stdout(); strings.Contains(out, text) {
			return errors.New(out)
		}
		return nil
	})
}

// With -v the log goes to standard output, too. Of a handler, a file and --log the
// last one counts; and who is refused the lock leaves the handler alone.
func TestWhereTheLogGoes(t *testing.T) {
	var c collector
	play(t, handled(&c), daemontest.Scenario{
		Args: "-v", Execute: daemontest.Does(beat), Steps: daemontest.Steps{stopAt(0.5)},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.Stdout("] 100 beat 1\n"), c.took("beat 1", logfile.Info, 100, true), daemontest.NoFile(logPath)},
	})
	var beaten collector
	play(t, handled(&beaten, core.StandardFlags()), daemontest.Scenario{
		Args: "--log other.log", Execute: daemontest.Does(beat), Steps: daemontest.Steps{stopAt(0.5)},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.FileContains("other.log", "beat 1"), beaten.took("beat", logfile.Info, 100, false)},
	})
	play(t, handled(&beaten, core.WithLog(logfile.Fixed(logPath))), daemontest.Scenario{
		Execute: daemontest.Does(beat), Steps: daemontest.Steps{stopAt(0.5)},
		Want: daemontest.Want{daemontest.Exit(0), daemontest.FileContains(logPath, "beat 1"), beaten.took("beat", logfile.Info, 100, false)},
	})
	play(t, handled(&beaten), daemontest.Scenario{
		Execute: daemontest.Does(beat), Steps: daemontest.Steps{stopAt(0.5), at(0.2, daemontest.Command("-v"))},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.ExitOf("-v", 0), daemontest.Stdout("Shutting Down: Lock Detected"),
			beaten.took("Shutting Down: Lock Detected", logfile.Info, 101, false),
		},
	})
}

// The level decides what is logged: alerts and dumps always are.
func TestTheLogLevel(t *testing.T) {
	say := daemontest.Does(func(_ context.Context, d *core.Daemon) error {
		d.Debugf("one %d", 1)
		d.Logf("two")
		d.Logf("Warning: three")
		d.Logf("Error: four")
		d.Alertf("five")
		slogger.New(d).Debug("six", "n", 6)
		return nil
	})
	for _, c := range []struct {
		args        string
		has, hasNot []string
	}{
		{"", []string{"two", "Warning: three", "Error: four", "five"}, []string{"Debug: one 1", "Debug: six n=6"}},
		{"--log-level debug", []string{"Debug: one 1", "two", "five", "Debug: six n=6"}, nil},
		{"--log-level Warn", []string{"Warning: three", "Error: four", "five"}, []string{"one 1", "two", "six", "Application Startup"}},
		{"--log-level error", []string{"Error: four", "five"}, []string{"three", "two", "Application Startup"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			want := daemontest.Want{daemontest.Exit(0), daemontest.Mails(1), daemontest.FileContains(logPath, "Log level:         ")}
			for _, text := range c.has {
				want = append(want, daemontest.Logs(text), daemontest.FileContains(logPath, "] 100 "+text+"\n"))
			}
			for _, text := range c.hasNot {
				want = append(want, daemontest.NoLog(text))
			}
			play(t, standard(), daemontest.Scenario{Args: c.args, Execute: say, Steps: daemontest.Steps{at(0.2, usr1), stopAt(0.5)}, Want: want})
		})
	}
	play(t, standard(), daemontest.Scenario{
		Args: "--log-level loud", Execute: daemontest.Instantly(),
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr(`--log-level: "loud" is no level of a log: give debug, info, warn or error`)},
	})
}

// A log file that cannot be opened at the start keeps nobody in the foreground from
// starting: its lines go to standard output, and to the file when it is there. With
// -d the start is refused, and --check tells of it.
func TestALogThatCannotBeOpenedAtTheStart(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Deny: map[string]error{logPath: syscall.EACCES}, Execute: daemontest.Does(beat),
		Steps: daemontest.Steps{at(1.5, daemontest.DenyFile(logPath, nil)), stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Stdout("Warning: the log file /var/log/poller.log cannot be written, the log goes to standard output until it can: permission denied\n"),
			daemontest.Stdout("] 100 beat 1\n"), beatsIn(logPath, 1, 2, 3, 4),
		},
	})
	play(t, equipped(), daemontest.Scenario{
		Args: "-d", Deny: map[string]error{logPath: syscall.EACCES}, Execute: daemontest.Does(beat),
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Iterations(0), daemontest.Stderr("log file: permission denied")},
	})
	play(t, equipped(), daemontest.Scenario{
		Args: "--check", Deny: map[string]error{logPath: syscall.EACCES}, Execute: daemontest.Does(beat),
		Want: daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr("log file: permission denied")},
	})
	play(t, equipped(), daemontest.Scenario{
		Deny: map[string]error{logPath: syscall.EISDIR}, Execute: daemontest.Does(beat),
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Iterations(0), daemontest.Stderr("log file: is a directory")},
	})
}

// The real thing: a slog.Handler has the daemon's messages and the user's records,
// the latter with their attributes.
func TestASlogHandlerTakesTheLogOfARealDaemon(t *testing.T) {
	var out bytes.Buffer
	h := slogger.To(slog.NewJSONHandler(&out, nil))
	d := core.New("poller", core.WithHost(host.Real()), core.WithLock(lock.Null()), core.WithLogHandler(h), core.Every(0),
		core.Execute(func(_ context.Context, d *core.Daemon) error {
			slogger.New(d).With("job", 7).Warn("slow", "rows", 12)
			d.Logf("Error: broken")
			d.Stop("it has run")
			return nil
		}))
	if code := d.Run(t.Context()); code != 0 {
		t.Errorf("exit status %d", code)
	}
	for _, want := range []string{
		`"level":"INFO","msg":"Application Startup. PID: `,
		fmt.Sprintf(`"level":"WARN","msg":"slow","pid":%d,"job":7,"rows":12}`, os.Getpid()),
		fmt.Sprintf(`"level":"ERROR","msg":"broken","pid":%d}`, os.Getpid()),
		`"msg":"Shutdown Complete`,
	} {
		if n := strings.Count(out.String(), want); n != 1 {
			t.Errorf("%s is there %d times: %s", want, n, out.String())
		}
	}
}
