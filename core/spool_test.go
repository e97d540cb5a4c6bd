package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

const spoolPath = logPath + ".spool"

// mailsOnce wants these alerts to have arrived, each once, by their first lines.
func mailsOnce(texts ...string) daemontest.Expectation {
	return daemontest.Check("each mail once", func(r *daemontest.Result) error {
		ids := map[string]bool{}
		var errs []error
		for _, text := range texts {
			n := 0
			for _, m := range r.World().Mails() {
				ids[m.ID] = true
				if strings.HasPrefix(m.Body, text) {
					n++
				}
			}
			if n != 1 {
				errs = append(errs, fmt.Errorf("%d mails have %q", n, text))
			}
		}
		if mails := r.World().Mails(); len(mails) != len(texts) || len(ids) != len(texts) || ids[""] {
			errs = append(errs, fmt.Errorf("%d mails with %d IDs, want %d", len(mails), len(ids), len(texts)))
		}
		return errors.Join(errs...)
	})
}

// troubled is an Execute of which these iterations raise an alert, in the process
// that starts with the scenario.
func troubled(iterations ...int64) daemontest.Script {
	return daemontest.Does(func(_ context.Context, d *core.Daemon) error {
		for _, n := range iterations {
			since := d.Clock().Wall().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			if d.Iteration() == n && since.Round(time.Second) == d.Interval()*time.Duration(n-1) {
				d.AlertAs(fmt.Sprint(n), "trouble %d.", n)
			}
		}
		return nil
	})
}

// A mail server that is down for an hour costs no mail, and sends none twice.
func TestAlertsOutliveAnHourWithoutAMailServer(t *testing.T) {
	play(t, equipped(core.Every(10*time.Minute)), daemontest.Scenario{
		Execute: troubled(2, 4, 6),
		Steps: daemontest.Steps{
			at(1, daemontest.MailDown(errors.New("connection refused"))), at(3601, daemontest.MailDown(nil)), stopAt(4500),
		},
		Want: daemontest.Want{
			mailsOnce("trouble 2.", "trouble 4.", "trouble 6.", "No alert mail could be delivered for 5"),
			daemontest.MailContains("The last failure: mail: connection refused"), daemontest.Logs("Alert mail is delivered again, after "),
			daemontest.NoLog("for the next start"), daemontest.Exit(0),
		},
	})
}

// What waits when the daemon is killed is delivered by the next start; before the
// mail is sent it is on disk.
func TestAlertsOutliveSIGKILL(t *testing.T) {
	for name, server := range map[string]daemontest.Action{
		"down": daemontest.MailDown(errors.New("connection refused")), "mute": daemontest.MailTakes(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Args:    "-v",
				Execute: troubled(2, 3),
				Steps: daemontest.Steps{
					at(0.5, server), at(4.001, kill), at(4.002, daemontest.MailDown(nil), daemontest.MailTakes(0)),
					at(5, daemontest.Command("")), at(6, daemontest.SignalTo("", sigterm)),
				},
				Want: daemontest.Want{
					daemontest.Killed(), mailsOnce("trouble 2.", "trouble 3.", "Died Before: PID 100"), daemontest.Of("", daemontest.Exit(0)), daemontest.MailContains("PID: 100"),
				},
			})
		})
	}
}

// A mail that is under way at a restart arrives with the ID that it was given when
// the alert was made, even where it arrives twice.
func TestAMailUnderWayAtARestartKeepsItsID(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: troubled(2),
		Steps: daemontest.Steps{
			at(0.5, daemontest.MailTakes(3*time.Second)), at(1.5, hup),
			at(2, daemontest.Do("look at the spool", func(w *daemontest.World) {
				if _, ok := w.File(spoolPath + "/lock"); !ok {
					w.Fail("there is no spool")
				}
			})), stopAt(20.5),
		},
		Want: daemontest.Want{daemontest.Restarts(1), mailsOnce("trouble 2."), daemontest.Exit(0)},
	})
}

// A disk that is full, cannot be written to or denies the folder costs no mail.
func TestAlertsOutliveABadDisk(t *testing.T) {
	for name, c := range map[string]struct {
		fault daemontest.Action
		says  string
	}{
		"full":      {daemontest.DiskFull(true), "no space left on device"},
		"read-only": {daemontest.DiskReadOnly(true), "read-only file system"},
		"denied":    {daemontest.DenyFile(spoolPath, errors.New("permission denied")), "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Execute: troubled(2, 3, 8),
				Steps: daemontest.Steps{
					at(0.5, c.fault), at(5.5, daemontest.MailDown(errors.New("connection refused"))), at(7.5, daemontest.MailDown(nil)), stopAt(20.5),
				},
				Want: daemontest.Want{
					mailsOnce("trouble 2.", "trouble 3.", "trouble 8."), daemontest.Exit(0), startsAt(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20),
					daemontest.LogsTimes("Warning: the alert spool "+spoolPath+" cannot be used: ", 1), daemontest.Logs(c.says),
				},
			})
		})
	}
}

// A standby, a trial and a refused newcomer leave the spool alone; the standby that
// takes over delivers what waits in it.
func TestTheSpoolIsTheHoldersAlone(t *testing.T) {
	const second = "-v"
	play(t, equipped(core.Standby()), daemontest.Scenario{
		Execute: troubled(2),
		Steps: daemontest.Steps{
			at(0.5, daemontest.MailDown(errors.New("connection refused"))), at(0.6, daemontest.Command(second)), at(3.5, hup), at(8, kill),
			at(8.001, daemontest.MailDown(nil)), at(12, daemontest.SignalTo(second, sigterm)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Restarts(1), mailsOnce("trouble 2.", "Died Before: PID 100"), daemontest.NoLog("another process uses it"), daemontest.Of(second, daemontest.Exit(0)),
		},
	})
}

// Where the spool is: as the option says, else beside the log, else beside the
// lock, else nowhere.
func TestWhereTheSpoolIs(t *testing.T) {
	daily := func(now time.Time) string { return "/var/log/poller/" + now.Format("2006-01-02") + ".log" }
	for name, c := range map[string]struct {
		options []core.Option
		want    string
	}{
		"option":               {[]core.Option{core.WithSpool("mine")}, "waits in /world/mine for the next start"},
		"beside the log":       {nil, "waits in " + spoolPath + " for the next start"},
		"beside a daily log":   {[]core.Option{core.WithLog(daily)}, "waits in /var/log/poller/poller.spool for the next start"},
		"beside the lock":      {[]core.Option{core.WithLog(nil)}, "waits in /run/poller.lock.spool for the next start"},
		"neither log nor lock": {[]core.Option{core.WithLog(nil), core.WithLock(nil)}, "Error: 1 alert was not delivered before the end"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(c.options...), daemontest.Scenario{
				Execute: troubled(2),
				Steps:   daemontest.Steps{at(0.5, daemontest.MailDown(errors.New("connection refused"))), stopAt(3.5)},
				Want:    daemontest.Want{daemontest.Logs(c.want), daemontest.Exit(0)},
			})
		})
	}
}

// The dump says what waits, since when, why, and when it is tried next.
func TestTheDumpTellsWhatWaits(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: troubled(2, 3),
		Steps: daemontest.Steps{
			at(0.5, daemontest.MailDown(errors.New("connection refused"))), at(4.5, usr1), at(4.6, daemontest.MailDown(nil)), at(30, usr1), stopAt(31.5),
		},
		Want: daemontest.Want{
			daemontest.Logs("\nAlerts waiting:    2, in " + spoolPath + "; the oldest of 2026-01-01 00:00:01; next try in "),
			daemontest.Logs("; nothing was delivered for 3.5s; last failure: mail: connection refused\n"),
			daemontest.LogsTimes("Alerts waiting", 1), daemontest.LogsTimes("Dump of poller", 2), daemontest.Exit(0),
		},
	})
	play(t, equipped(), daemontest.Scenario{
		Execute: troubled(2),
		Steps: daemontest.Steps{
			at(0.5, daemontest.MailDown(errors.New("connection refused")), daemontest.DiskReadOnly(true)), at(4.5, usr1),
			at(4.6, daemontest.MailDown(nil), daemontest.DiskReadOnly(false)), stopAt(31.5),
		},
		Want: daemontest.Want{
			daemontest.Logs("\nAlerts waiting:    1, in memory; the oldest of "),
			daemontest.Logs("the spool " + spoolPath + " cannot be used: "), daemontest.Exit(0),
		},
	})
}

// --check says that the spool cannot be used, which keeps nobody from starting.
func TestCheckLooksAtTheSpool(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		args  string
		says  string
	}{
		"well":                {nil, "--check", "poller: the checks found nothing wrong\n"},
		"a file in its place": {map[string]string{spoolPath: "x"}, "--check", "poller: it would start. Warning: the alert spool " + spoolPath + " cannot be used: it is no folder: remove it or name another one. Alert mail would wait in memory\n"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, equipped(), daemontest.Scenario{
				Args: c.args, Files: c.files,
				Want: daemontest.Want{daemontest.Exit(0), daemontest.NeverReady(), daemontest.Stdout(c.says)},
			})
		})
	}
	play(t, equipped(core.WithSpool("no/such/folder")), daemontest.Scenario{
		Args: "--check", Want: daemontest.Want{daemontest.Exit(0), daemontest.NeverReady(), daemontest.Stdout("no such file or directory. Alert mail would wait")},
	})
}

func TestASpoolWithoutANameIsRefused(t *testing.T) {
	play(t, equipped(core.WithSpool("")), daemontest.Scenario{
		Want: daemontest.Want{daemontest.Exit(1), daemontest.Stderr("core.WithSpool: the folder's name is empty")},
	})
}
