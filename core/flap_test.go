package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// oneThread wants these mails, by how their subjects begin, of which all but the first refer to
// it, and no two to have an ID.
func oneThread(subjects ...string) daemontest.Expectation {
	return daemontest.Check("one thread of mails", func(r *daemontest.Result) error {
		var errs []error
		var got []string
		ids := map[string]bool{}
		mails := r.World().Mails()
		for _, m := range mails {
			got = append(got, m.Subject)
			if ids[m.ID] = true; m.ID != mails[0].ID && fmt.Sprint(m.References) != fmt.Sprint([]string{mails[0].ID}) {
				errs = append(errs, fmt.Errorf("%q refers to %q, want %q", m.Subject, m.References, mails[0].ID))
			}
		}
		if len(ids) != len(mails) {
			errs = append(errs, errors.New("an ID is given twice"))
		}
		if !slices.EqualFunc(got, subjects, strings.HasPrefix) {
			errs = append(errs, fmt.Errorf("the mails are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(subjects, "\n")))
		}
		return errors.Join(errs...)
	})
}

// A daemon that dies again and again is one thread of mails, over all of its processes:
// the first death at once, the others counted, and its end told.
func TestDeathsAreOneThread(t *testing.T) {
	t.Run("with a watcher", func(t *testing.T) {
		steps := daemontest.Steps{stopAt(3600.7)}
		for n := range 6 {
			steps = append(steps, at(20.5+150*float64(n), kill))
		}
		play(t, equipped(), daemontest.Scenario{
			Args: "-d", Steps: steps,
			Want: daemontest.Want{
				daemontest.Exit(0), deaths(6),
				oneThread("poller Alert: Died Before: PID 101, ", "poller Alert: 2 more: Died Before: PID 101, ", "poller Alert: 3 more: Died Before: PID 101, ", "poller Restarted"),
				daemontest.MailContains("It came 6 times, from 2026-01-01 00:00:20 to 2026-01-01 00:12:50: it lasted for 12m30s."),
			},
		})
	})
	t.Run("under a supervisor", func(t *testing.T) {
		steps := daemontest.Steps{at(2.5, kill), at(500, daemontest.Command("-v")), at(3600.7, daemontest.SignalTo("-v", sigterm))}
		want := daemontest.Want{
			daemontest.Killed(), daemontest.ExitOf("-v", 0), deaths(7),
			oneThread("poller Alert: Died Before: PID 100, ", "poller Alert: 5 more: Died Before: PID 100, ", "poller Restarted"),
			daemontest.MailContains("It came 7 times, from 2026-01-01 00:00:03 to 2026-01-01 00:08:20: it lasted for 8m17s."),
		}
		for n := range 6 {
			again := fmt.Sprintf("-p %d.pid", n)
			steps = append(steps, at(3+60*float64(n), daemontest.Command(again)), at(61+60*float64(n), daemontest.SignalTo(again, syscall.SIGKILL)))
			want = append(want, daemontest.Of(again, daemontest.Killed()))
		}
		play(t, equipped(), daemontest.Scenario{Supervised: true, Steps: steps, Want: want})
	})
}

// A daemon whose Setup fails at each start is one thread, too.
func TestStartsThatFailAreOneThread(t *testing.T) {
	failing := core.Setup(func(context.Context, *core.Daemon) error { return errors.New("no route to database") })
	var steps daemontest.Steps
	for n := range 21 {
		steps = append(steps, at(30*float64(n+1), daemontest.Command("-v")))
	}
	play(t, equipped(failing), daemontest.Scenario{
		Supervised: true, Steps: steps,
		Want: daemontest.Want{
			daemontest.Exit(1), daemontest.ExitOf("-v", 1), daemontest.NeverReady(),
			oneThread("poller Shutdown", "poller Alert: 10 more: Shutting Down: setup: no route to database", "poller Alert: 10 more: Shutting Down: setup: no route to database"),
		},
	})
}
