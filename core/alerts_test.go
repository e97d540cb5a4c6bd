package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// alertAt is an Execute that raises an alert in these iterations.
func alertAt(iterations ...int64) daemontest.Script {
	return daemontest.Does(func(_ context.Context, d *core.Daemon) error {
		for _, n := range iterations {
			if d.Iteration() == n {
				d.AlertAs(fmt.Sprint(n), "queue %s is stuck\nsince %d rows", "orders", n)
			}
		}
		return nil
	})
}

// A mail has the daemon's name in its subject, and in its body the log lines,
// host, PID, uptime, iterations and version.
func TestAnAlertMailTellsWhoAndWhat(t *testing.T) {
	play(t, equipped(core.Version("1.4")), daemontest.Scenario{
		Execute: alertAt(3),
		Steps:   daemontest.Steps{stopAt(3.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Mails(1), daemontest.Logs("queue orders is stuck"),
			daemontest.Check("the mail", func(r *daemontest.Result) error {
				m := r.World().Mails()[0]
				body := "queue orders is stuck\nsince 3 rows\n\n" +
					"Host: testhost\nPID: 100\nUptime: 2s\nIterations: 3\nVersion: 1.4\nLock: file:/run/poller.lock, held\n\n" +
					"The last lines of the log:\n" +
					"[2026-01-01 00:00:00] 100 Application Startup. PID: 100 Interval: 1s Version: 1.4 Lock: file:/run/poller.lock\n" +
					"[2026-01-01 00:00:02] 100 queue orders is stuck\n"
				if m.Subject != "poller Alert: queue orders is stuck" || fmt.Sprint(m.To) != "[ops@example.com]" || m.Body != body {
					return fmt.Errorf("it is %+v", m)
				}
				return nil
			}),
		},
	})
}

// A daemon without an alert list logs its alerts and mails nobody.
func TestAlertsWithoutAListAreLogged(t *testing.T) {
	play(t, poller(), daemontest.Scenario{
		Execute: alertAt(1),
		Steps:   daemontest.Steps{stopAt(1.5)},
		Want:    daemontest.Want{daemontest.Exit(0), daemontest.Mails(0), daemontest.Logs("queue orders is stuck")},
	})
}

// A mail server that is down, slow or mute neither delays a tick nor crashes
// anything; what was not delivered is logged.
func TestABadMailServerDelaysNoTick(t *testing.T) {
	for _, c := range []struct {
		name   string
		action daemontest.Action
		mails  int
		says   string
	}{
		{"down", daemontest.MailDown(errors.New("connection refused")), 0, `Error: alert mail "poller Alert: queue orders is stuck" to [ops@example.com] was not delivered: mail: connection refused`},
		{"slow", daemontest.MailTakes(4 * time.Second), 2, "queue orders is stuck"},
		{"mute", daemontest.MailTakes(time.Hour), 0, "was not delivered: mail: context deadline exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, equipped(core.Every(10*time.Second)), daemontest.Scenario{
				Execute: alertAt(2, 3),
				Steps:   daemontest.Steps{at(1, c.action), stopAt(85)},
				Want: daemontest.Want{
					startsAt(0, 10, 20, 30, 40, 50, 60, 70, 80), daemontest.Mails(c.mails), daemontest.Logs(c.says), daemontest.Exit(0), endsAt(85),
				},
			})
		})
	}
}

// Mails that are still under way survive a restart.
func TestPendingMailsSurviveARestart(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: alertAt(2, 3),
		Steps:   daemontest.Steps{at(0.5, daemontest.MailTakes(5*time.Second)), at(2.5, hup), stopAt(20.5)},
		Want:    daemontest.Want{daemontest.Restarts(1), daemontest.Mails(2), daemontest.Exit(0), endsAt(20.5)},
	})
}

// They survive one that comes to nothing, too.
func TestPendingMailsSurviveAFailedExec(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: alertAt(2),
		Steps: daemontest.Steps{
			at(0.5, daemontest.MailTakes(5*time.Second)), at(2.4, daemontest.LoseBinary()), at(2.5, hup), stopAt(20.5),
		},
		Want: daemontest.Want{daemontest.Restarts(0), daemontest.Mails(2), daemontest.Exit(0)},
	})
}

// The end waits a little for the last mails, and says what was not delivered.
func TestTheEndWaitsALittleForTheLastMails(t *testing.T) {
	for _, c := range []struct {
		takes time.Duration
		mails int
		ends  float64
	}{{3 * time.Second, 1, 5}, {20 * time.Second, 0, 7}} {
		play(t, equipped(), daemontest.Scenario{
			Execute: daemontest.Instantly().FailsAt(3, errBoom),
			Steps:   daemontest.Steps{at(0.5, daemontest.MailTakes(c.takes))},
			Want: daemontest.Want{
				daemontest.Exit(1), endsAt(c.ends), daemontest.Mails(c.mails),
				daemontest.LogsTimes("1 alert waits in /var/log/poller.log.spool for the next start", 1-c.mails), daemontest.LastLog("Exit status: 1"),
			},
		})
	}
}
