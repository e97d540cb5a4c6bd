package core_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// The user's parts are in the dump. One that panics, hangs or ends its goroutine
// holds up neither the dump nor the loop.
func TestPartsOfTheDump(t *testing.T) {
	part := func(text func(*core.Daemon) string) core.Option { return core.OnDump("Sites", text) }
	last := core.OnDump("Feeds", func(d *core.Daemon) string { return fmt.Sprintf("%d\nnone", d.Iteration()) })
	for name, c := range map[string]struct {
		text func(*core.Daemon) string
		want string
	}{
		"two":    {func(*core.Daemon) string { return "a\nb" }, "\nSites:             a\n                   b\nFeeds:             2\n                   none\n"},
		"panics": {func(*core.Daemon) string { panic("argh") }, "\nSites:             panic: argh\nFeeds:             2\n"},
		"Goexit": {func(*core.Daemon) string { runtime.Goexit(); return "" }, "\nSites:             \n"},
		"hangs": {
			func(d *core.Daemon) string { _ = daemontest.Hangs(context.Background(), d); return "" },
			"\nThe parts of the program's own are left out: they took longer than 1s\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(part(c.text), last), daemontest.Scenario{
				Args: "-p poller.pid", Execute: daemontest.Instantly(),
				Steps: daemontest.Steps{at(1.5, daemontest.Command("-s dump -p poller.pid")), stopAt(3.5)},
				Want: daemontest.Want{
					daemontest.Exit(0), startsAt(0, 1, 2, 3), daemontest.ExitOf("-s dump -p poller.pid", 0),
					daemontest.Logs("Dump of poller"), daemontest.Stdout(c.want),
				},
			})
		})
	}
}

// A handler that hangs does not hold up the dump.
func TestTheDumpWaitsForNoHandler(t *testing.T) {
	play(t, equipped(core.OnDump("Sites", func(*core.Daemon) string { return "a" }), core.OnSignal(syscall.SIGUSR2, daemontest.Hangs)), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(0.5, daemontest.Signal(syscall.SIGUSR2)), at(1.5, usr1), stopAt(2.5)},
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.Logs("1 parts of the program's own are left out: a handler is running"), daemontest.Logs("Dump of poller"),
		},
	})
}

func TestCheckChecksAndTouchesNothing(t *testing.T) {
	for args, c := range map[string]struct {
		code int
		says daemontest.Expectation
	}{
		"--check":                      {0, daemontest.Stdout("poller: the checks found nothing wrong\n")},
		"--check -d -p poller.pid":     {0, daemontest.Stdout("poller: the checks found nothing wrong\n")},
		"--check -p missing/poller.pi": {1, daemontest.Stderr("PID file: ")},
		"--check -i":                   {1, daemontest.Stderr("--check checks and exits: it cannot be combined with -i or -s")},
		"--check -s stop -p x.pid":     {1, daemontest.Stderr("--check checks and exits")},
	} {
		t.Run(args, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Args: args, Execute: daemontest.Instantly(),
				Want: append(untouched(), daemontest.Exit(c.code), c.says),
			})
		})
	}
}

// --test-alert sends one mail, says what became of it, and touches nothing.
func TestTheAlertsCanBeTried(t *testing.T) {
	none := func(extra ...core.Option) *core.Daemon {
		return core.New("poller", append([]core.Option{core.Every(time.Second), core.Execute(daemontest.Hangs)}, extra...)...)
	}
	for name, c := range map[string]struct {
		daemon daemontest.NewFunc
		args   string
		steps  daemontest.Steps
		mails  int
		code   int
		says   daemontest.Expectation
	}{
		"delivered":  {equipped(), "--test-alert", nil, 1, 0, daemontest.Stdout("poller: the test alert to ops@example.com was delivered to ")},
		"with -d":    {equipped(), "--test-alert -d", nil, 1, 0, daemontest.Stdout("was delivered to ")},
		"refused":    {equipped(), "--test-alert", daemontest.Steps{at(0, daemontest.MailDown(errors.New("451 later")))}, 0, 1, daemontest.Stderr("the test alert to ops@example.com through ")},
		"no reply":   {equipped(), "--test-alert", daemontest.Steps{at(0, daemontest.MailTakes(time.Hour))}, 0, 1, daemontest.Stderr("was not delivered: mail: context deadline exceeded")},
		"no alerts":  {none, "--test-alert", nil, 0, 1, daemontest.Stderr("no alerts are declared: say where they go in the program")},
		"with check": {equipped(), "--test-alert --check", nil, 0, 1, daemontest.Stderr("it cannot be combined with -i, -s or --check")},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, c.daemon, daemontest.Scenario{
				Args: c.args, Execute: daemontest.Instantly(), Steps: c.steps,
				Want: daemontest.Want{
					daemontest.Iterations(0), daemontest.NoFile(pidPath), daemontest.NoFile(logPath), daemontest.NoLock(),
					daemontest.Exit(c.code), daemontest.Mails(c.mails), c.says,
				},
			})
		})
	}
}
