package daemontest

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// poller is the daemon of the tests: a tick each 5 s, and all that a daemon can
// hold.
func poller(extra ...core.Option) *core.Daemon {
	return core.New("poller", append([]core.Option{
		core.Every(5 * time.Second),
		core.Execute(func(context.Context, *core.Daemon) error { return nil }),
		core.WithLock(lock.File("/run/poller.lock")),
		core.WithAlerts(mail.Writer(os.Stdout), "ops@example.com"),
		core.WithLog(logfile.Daily("/var/log/poller")),
	}, extra...)...)
}

// stopAt is the step that most scenarios end with.
func stopAt(at time.Duration) Step { return At(at, Signal(syscall.SIGTERM)) }

// slowAPI is the scenario of the design's first page.
var slowAPI = Scenario{
	Args:    "-d -p poller.pid",
	Execute: Takes(200*time.Millisecond).Except(3, 7*time.Second),
	Steps: Steps{
		At(12*time.Second, Signal(syscall.SIGUSR1)),
		At(31*time.Second, Signal(syscall.SIGTERM)),
	},
	Want: Want{
		Iterations(7), Overruns(1),
		Logs("Run Loop Taking Too Long"),
		Mails(1), Exit(0), LockReleased(),
		Golden("slow-api"),
	},
}

func TestPollerOutlivesASlowAPI(t *testing.T) { Run(t, poller, slowAPI) }

// seconds are times of a scenario.
func seconds(s ...float64) []time.Duration {
	times := make([]time.Duration, len(s))
	for n := range s {
		times[n] = time.Duration(s[n] * float64(time.Second))
	}
	return times
}
