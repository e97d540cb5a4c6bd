package core_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// An iteration that hangs is told while it hangs: when its interval is over, and
// again at growing intervals, by mail and in the log. It is one overrun. A dump
// shows that it is overdue, and its end is told with its duration.
func TestAHungIterationIsToldWhileItHangs(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly().Except(3, 40*time.Minute),
		Steps:   daemontest.Steps{at(602, usr1), stopAt(2900.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Overruns(1),
			daemontest.LogsTimes("Run Loop Overdue: Execute #3 is still running after 1s. Interval: 1s", 1),
			daemontest.Logs("Execute #3 is still running after 5m1.01s"), daemontest.Logs("Execute #3 is still running after 15m1.01s"),
			daemontest.LogsTimes("is still running after", 4), daemontest.Logs("Execute #3, for 10m0s, OVERDUE"),
			daemontest.LogsTimes("Run Loop Taking Too Long. Duration: 40m0s Interval: 1s", 1),
			mailSubjects(
				"poller Alert: Run Loop Overdue: Execute #3 is still running after 1s. Interval: 1s",
				"poller Alert: still: Run Loop Overdue: Execute #3 is still running after 1s. Interval: 1s",
				"poller Alert: still: Run Loop Overdue: Execute #3 is still running after 1s. Interval: 1s",
				"poller Alert: still: Run Loop Overdue: Execute #3 is still running after 1s. Interval: 1s",
				"poller Resolved: Run Loop Overdue: Execute #3 is still running after 1s. Interval: 1s",
			),
			daemontest.MailContains("Duration: 40m0s"),
		},
	})
}

// mailSubjects wants mails with exactly these subjects.
func mailSubjects(want ...string) daemontest.Expectation {
	return daemontest.Check("the subjects of the mails", func(r *daemontest.Result) error {
		var got []string
		for _, m := range r.World().Mails() {
			got = append(got, m.Subject)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
}

// In each other state, and without a grid, nothing is told while it happens.
func TestWhereNoIterationIsOverdue(t *testing.T) {
	second := []core.Option{core.Every(time.Second)}
	hangs := daemontest.Instantly().Except(3, 8*time.Second)
	for name, c := range map[string]struct {
		options []core.Option
		execute daemontest.Script
		steps   daemontest.Steps
		want    daemontest.Expectation
	}{
		"interval 0":   {[]core.Option{core.Every(0)}, daemontest.Takes(time.Second).Except(3, 8*time.Second), nil, daemontest.Overruns(0)},
		"fixed delay":  {[]core.Option{core.FixedDelay(time.Second)}, hangs, nil, daemontest.Overruns(0)},
		"just in time": {second, daemontest.Instantly().Except(3, time.Second), nil, daemontest.Overruns(0)},
		"by a little":  {second, daemontest.Instantly().Except(3, 1005*time.Millisecond), nil, daemontest.Overruns(1)},
		"stopping":     {second, hangs, daemontest.Steps{at(2.5, term)}, daemontest.Logs("Run Loop Taking Too Long. Duration: 8s")},
	} {
		t.Run(name, func(t *testing.T) {
			declare := func(extra ...core.Option) *core.Daemon {
				options := append([]core.Option{core.Execute(daemontest.Hangs)}, c.options...)
				return core.New("poller", append(options, extra...)...)
			}
			play(t, declare, daemontest.Scenario{
				Execute: c.execute, Steps: append(c.steps, daemontest.At(20500*time.Millisecond, term).Maybe()),
				Want: daemontest.Want{daemontest.Exit(0), daemontest.NoLog("Overdue"), c.want},
			})
		})
	}
}

// A process that was stopped tells of an iteration that still runs, with its true
// duration; so does one that a restart waits for before that is decided.
func TestOverdueAfterAStop(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Instantly().Except(3, 50*time.Second),
		Steps:   daemontest.Steps{at(2.5, halt), at(32.5, cont), stopAt(70.5)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Overruns(1), daemontest.Logs("Run Loop Overdue: Execute #3 is still running after 30.5s. Interval: 1s"),
			daemontest.LogsTimes("Overdue", 1),
		},
	})
}

// An hour in which every iteration overruns is one mail, reminders and an end.
func TestAnHourOfOverrunsIsAFewMails(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(func(ctx context.Context, d *core.Daemon) error {
			if d.Clock().Wall().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) < time.Hour {
				return pause(ctx, d, 1500*time.Millisecond)
			}
			return nil
		}),
		Steps: daemontest.Steps{stopAt(4200)},
		Want: daemontest.Want{
			daemontest.Exit(0), daemontest.Overruns(2400), daemontest.LogsTimes("Run Loop Overdue", 2400), daemontest.LogsTimes("Run Loop Taking Too Long", 2400),
			daemontest.Mails(5), daemontest.MailContains("poller Resolved: Run Loop Overdue"), daemontest.MailContains("It came 2400 times"),
		},
	})
}

// pause takes time, unless ctx is done before.
func pause(ctx context.Context, d *core.Daemon, takes time.Duration) error {
	timer := d.Clock().NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A daemon that fails, restarts and works again is a mail when it begins, reminders,
// and one that it has restarted, with how long that lasted.
func TestAFlapOfRestartsIsOneThread(t *testing.T) {
	play(t, equipped(core.Every(5*time.Second)), daemontest.Scenario{
		Args: "-d",
		Execute: daemontest.Does(func(_ context.Context, d *core.Daemon) error {
			since := d.Clock().Wall().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			if since > 20*time.Second && since < 20*time.Minute {
				return errBoom
			}
			return nil
		}),
		Steps: daemontest.Steps{stopAt(1800.5)},
		Want: daemontest.Want{
			daemontest.Exit(0),
			daemontest.Check("one thread", func(r *daemontest.Result) error {
				mails := r.World().Mails()
				for i, m := range mails {
					if i > 0 && (len(m.References) != 1 || m.References[0] != mails[0].ID) {
						return fmt.Errorf("mail %d is in the thread %q", i, m.References)
					}
				}
				if len(mails) > 5 || mails[len(mails)-1].Subject != "poller Restarted" {
					return fmt.Errorf("%d mails, the last one is %q", len(mails), mails[len(mails)-1].Subject)
				}
				return nil
			}),
		},
	})
}
