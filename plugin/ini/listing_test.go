package ini_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail/smtp"
	"github.com/evertick/evertick/plugin/ini"
)

// New declares the poller. A test hands it a world of its own as extra options.
func New(extra ...core.Option) *core.Daemon {
	return core.New("poller", append([]core.Option{
		core.Every(5 * time.Second),
		core.Setup(connect),
		core.Execute(poll),
		core.RestartEvery(24 * time.Hour),
		core.WithLock(lock.File("/run/poller.lock")),
		core.WithLog(logfile.Daily("/var/log/poller")),
		core.WithAlerts(smtp.Server("smtp://localhost:25"), "ops@example.com"),
		core.WithPlugins(ini.File("poller.ini", ini.Require("api"))),
		core.InstallNote("Create /var/log/poller, writable by the daemon's user"),
	}, extra...)...)
}

func connect(context.Context, *core.Daemon) error { return nil }

func poll(_ context.Context, d *core.Daemon) error {
	d.Logf("fetched %d rows", 3)
	return nil
}

// The two listings of the design: a daemon with all that it usually has, and its
// test.
func TestPollerOutlivesASlowAPI(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Files:   file("[api]\nurl = https://api.example.com\n"),
		Execute: daemontest.Takes(200*time.Millisecond).Except(3, 7*time.Second),
		Steps: daemontest.Steps{
			daemontest.At(12*time.Second, daemontest.Signal(syscall.SIGUSR1)),
			daemontest.At(31*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Iterations(7), daemontest.Overruns(1),
			daemontest.Logs("Run Loop Taking Too Long"),
			daemontest.Mails(1), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
	daemontest.Run(t, New, daemontest.Scenario{
		Args:  "-d -p poller.pid",
		Files: file("[api]\n"),
		Want:  daemontest.Want{daemontest.Exit(1), daemontest.NeverReady(), daemontest.Stderr("poller.ini:1: section [api] is empty")},
	})
}
