package core_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata" // Europe/Berlin, wherever the test runs

	"github.com/robfig/cron/v3"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// crontab is a schedule that cron's parser has read.
func crontab(spec string) clockwork.Calendar {
	s, err := cron.ParseStandard(spec)
	if err != nil {
		panic(err)
	}
	return s
}

// nightly is a daemon with a schedule, and no grid.
func nightly(spec string, options ...core.Option) daemontest.NewFunc {
	return bare(append([]core.Option{
		core.Scheduled(crontab(spec)), core.RememberTicks("nightly.ticks"), core.Execute(idles),
	}, options...)...)
}

// iterationsAt wants iterations at exactly these times by the wall clock.
func iterationsAt(start time.Time, want ...string) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("iterations at %v", want), func(r *daemontest.Result) error {
		var got []string
		for _, at := range r.Starts() {
			got = append(got, start.Add(at).In(start.Location()).Format("01-02 15:04:05 MST"))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("they were at %v", got)
		}
		return nil
	})
}

// 02:30 on workdays in Berlin, over both changes of the clocks. On the last Sunday
// of March 02:30 does not exist, on that of October it comes twice: cron's
// schedules leave it out, and take both.
func TestAScheduleOverDaylightSaving(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec  string
		start time.Time
		days  int
		want  []string
	}{
		{"CRON_TZ=Europe/Berlin 30 2 * * 1-5", time.Date(2026, 3, 27, 0, 0, 0, 0, berlin), 5, []string{
			"03-27 02:30:00 CET", "03-30 02:30:00 CEST", "03-31 02:30:00 CEST",
		}},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), 3, []string{
			"03-28 02:30:00 CET", "03-30 02:30:00 CEST",
		}},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", time.Date(2026, 10, 24, 0, 0, 0, 0, berlin), 3, []string{
			"10-24 02:30:00 CEST", "10-25 02:30:00 CEST", "10-25 02:30:00 CET", "10-26 02:30:00 CET",
		}},
	} {
		end := c.start.AddDate(0, 0, c.days).Sub(c.start)
		play(t, nightly(c.spec), daemontest.Scenario{
			Start: c.start, Execute: daemontest.Takes(time.Minute),
			Steps: daemontest.Steps{daemontest.At(end, term)},
			Want:  daemontest.Want{iterationsAt(c.start, c.want...), daemontest.Overruns(0), daemontest.MissedTicks(0), daemontest.Exit(0)},
		})
	}
}

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Overruns, and the policies of missed ticks, are as on the grid.
func TestAScheduleIsOverrun(t *testing.T) {
	for _, c := range []struct {
		policy clockwork.MissedPolicy
		want   []string
	}{
		{core.Coalesce, []string{"01-01 01:00:00 UTC", "01-01 03:30:00 UTC", "01-01 04:00:00 UTC"}},
		{core.Skip, []string{"01-01 01:00:00 UTC", "01-01 04:00:00 UTC"}},
		{core.CatchUp, []string{"01-01 01:00:00 UTC", "01-01 03:30:00 UTC", "01-01 03:31:00 UTC", "01-01 04:00:00 UTC"}},
	} {
		play(t, nightly("0 * * * *", core.MissedTicks(c.policy)), daemontest.Scenario{
			Execute: daemontest.Takes(time.Minute).Except(1, 150*time.Minute),
			Steps:   daemontest.Steps{at(4.5*3600, term)},
			Want: daemontest.Want{
				iterationsAt(newYear, c.want...), daemontest.Overruns(1), daemontest.MissedTicks(2), daemontest.Exit(0),
				daemontest.Logs("Run Loop Taking Too Long. Duration: 2h30m0s Interval: 1h0m0s"),
			},
		})
	}
	play(t, nightly("0 * * * *"), daemontest.Scenario{
		Execute: daemontest.Takes(55 * time.Minute), Steps: daemontest.Steps{at(7190, term)},
		Want: daemontest.Want{daemontest.LogsTimes("Near Max Allowed Duration. Duration: 55m0s Interval: 1h0m0s", 1), daemontest.Overruns(0), daemontest.Exit(0)},
	})
}

// The schedule goes on over a restart in place, and what it has served it serves
// no more; SIGCONT serves nothing; a hook has the time that is left.
func TestAScheduleGoesOnOverARestart(t *testing.T) {
	play(t, nightly("0 * * * *", core.FirstTick(core.Immediately)), daemontest.Scenario{
		Args:    "-d -p poller.pid",
		Execute: daemontest.Takes(time.Minute),
		Steps: daemontest.Steps{
			at(600, hup), at(660, cont), at(3600.2, hup), at(5000, daemontest.LoseBinary(), hup), at(2*3600+120, term),
		},
		Want: daemontest.Want{
			iterationsAt(newYear, "01-01 00:00:00 UTC", "01-01 01:00:00 UTC", "01-01 02:00:00 UTC"), daemontest.Restarts(2),
			daemontest.MissedTicks(0), daemontest.Exit(0),
		},
	})
	// A tick that comes during a restart is not lost.
	play(t, nightly("0 * * * *", core.Teardown(func(ctx context.Context, d *core.Daemon) error {
		return clockwork.Sleep(ctx, d.Clock(), 5*time.Second)
	})), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(3598, hup), at(2*3600+10, term)},
		Want: daemontest.Want{
			daemontest.Iterations(2), daemontest.Restarts(1), daemontest.MissedTicks(0), daemontest.Exit(0),
		},
	})
}

// After a step of the wall clock the schedule is asked again at once.
func TestAScheduleFollowsTheWallClock(t *testing.T) {
	play(t, nightly("30 2 * * *"), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(600, daemontest.StepWallClock(2*time.Hour)),   // 00:10 becomes 02:10
			at(1860, daemontest.StepWallClock(-1*time.Hour)), // 02:31 becomes 01:31
			at(1860+2*3600, term),
		},
		Want: daemontest.Want{startsAt(1800), daemontest.MissedTicks(0), daemontest.Exit(0)},
	})
	play(t, nightly("30 2 * * *"), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(600, daemontest.StepWallClock(3*time.Hour)), at(700, term)}, // over the tick
		Want: daemontest.Want{
			daemontest.Iterations(1), daemontest.MissedTicks(0), daemontest.Exit(0),
			daemontest.Check("at once", func(r *daemontest.Result) error {
				if at := r.Starts()[0]; at < 600*time.Second || at > 600*time.Second+time.Millisecond {
					return fmt.Errorf("it starts at %s", at)
				}
				return nil
			}),
		},
	})
}

// A daemon that did not run at its hour makes up for that at its start, once.
func TestATickIsMadeUpForAtTheStart(t *testing.T) {
	kept := func(after, next string) map[string]string {
		return map[string]string{"nightly.ticks": fmt.Sprintf(`{"daemon":"poller","after":%q,"next":%q}`, after, next)}
	}
	down := kept("2025-12-28T02:30:00Z", "2025-12-29T02:30:00Z") // three days
	for _, c := range []struct {
		name   string
		spec   string
		policy clockwork.MissedPolicy
		files  map[string]string
		want   []string
		missed int64
	}{
		{"coalesce", "30 2 * * *", core.Coalesce, down, []string{"01-01 00:00:00 UTC", "01-01 02:30:00 UTC"}, 3},
		{"skip", "30 2 * * *", core.Skip, down, []string{"01-01 02:30:00 UTC"}, 3},
		{"catch up", "30 2 * * *", core.CatchUp, down, []string{"01-01 00:00:00 UTC", "01-01 00:01:00 UTC", "01-01 00:02:00 UTC", "01-01 02:30:00 UTC"}, 3},
		{"skip, one", "30 2 * * *", core.Skip, kept("2025-12-30T02:30:00Z", "2025-12-31T02:30:00Z"), []string{"01-01 02:30:00 UTC"}, 1},
		{"nothing missed", "30 2 * * *", core.Coalesce, kept("2025-12-31T02:30:00Z", "2026-01-01T02:30:00Z"), []string{"01-01 02:30:00 UTC"}, 0},
		{"another schedule", "30 3 * * *", core.Coalesce, down, []string{"01-01 03:30:00 UTC"}, 0},
		{"no file", "30 2 * * *", core.Coalesce, nil, []string{"01-01 02:30:00 UTC"}, 0},
		{"garbage", "30 2 * * *", core.Coalesce, map[string]string{"nightly.ticks": "\x00{"}, []string{"01-01 02:30:00 UTC"}, 0},
		{"empty", "30 2 * * *", core.Coalesce, map[string]string{"nightly.ticks": ""}, []string{"01-01 02:30:00 UTC"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := daemontest.Want{iterationsAt(newYear, c.want...), daemontest.MissedTicks(c.missed), daemontest.Exit(0)}
			if c.missed > 0 {
				want = append(want, daemontest.LogsTimes("The daemon did not run at 2025-12-", 1))
			}
			play(t, nightly(c.spec, core.MissedTicks(c.policy)), daemontest.Scenario{
				Files: c.files, Execute: daemontest.Takes(time.Minute), Steps: daemontest.Steps{at(4*3600, term)}, Want: want,
			})
		})
	}
	// It was killed before its hour; what starts after it makes up for the tick.
	// That one is killed in the iteration: its tick counts as served.
	const next, last = "-v", "-p poller.pid"
	play(t, nightly("30 2 * * *"), daemontest.Scenario{
		Execute: daemontest.Takes(time.Minute),
		Steps: daemontest.Steps{
			at(3600, kill), at(3*3600, daemontest.Command(next)), at(3*3600+30, daemontest.SignalTo(next, syscall.SIGKILL)),
			at(4*3600, daemontest.Command(last)), at(5*3600, daemontest.SignalTo(last, sigterm)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of(next, daemontest.Killed()), daemontest.Iterations(1),
			daemontest.Of(last, daemontest.Exit(0)), daemontest.FileContains("nightly.ticks", `"next":"2026-01-02T02:30:00Z"`),
		},
	})
}

// Where the tick cannot be kept, that is told once, and the daemon goes on.
func TestATickThatCannotBeKept(t *testing.T) {
	play(t, nightly("* * * * *"), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(90, daemontest.DenyFile("nightly.ticks", errors.New("gone"))), at(200, daemontest.DenyFile("nightly.ticks", nil)), at(250, term)},
		Want: daemontest.Want{
			startsAt(60, 120, 180, 240), daemontest.LogsTimes("the tick could not be kept in /world/nightly.ticks", 1),
			daemontest.FileContains("nightly.ticks", `"next":"2026-01-01T00:05:00Z"`), daemontest.Exit(0),
		},
	})
	play(t, nightly("* * * * *"), daemontest.Scenario{
		Execute: daemontest.Instantly(), Deny: map[string]error{"nightly.ticks": errors.New("permission denied")},
		Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("poller: file of remembered ticks: permission denied")),
	})
	for _, foreign := range []string{"my notes\n", `{"name":"somebody else's"}`} {
		play(t, nightly("* * * * *"), daemontest.Scenario{
			Files: map[string]string{"nightly.ticks": foreign},
			Want: append(untouched(), daemontest.Exit(1), daemontest.FileContains("nightly.ticks", foreign),
				daemontest.Stderr("poller: file of remembered ticks: /world/nightly.ticks holds something else: name another path, or move it away")),
		})
	}
}

// The dump tells the next tick.
func TestTheDumpTellsTheNextTick(t *testing.T) {
	play(t, nightly("30 2 * * *"), daemontest.Scenario{
		Execute: daemontest.Takes(time.Hour),
		Steps:   daemontest.Steps{at(3600, usr1), at(10000, usr1), at(4*3600, term)},
		Want: daemontest.Want{
			daemontest.Logs("\nInterval:          by the schedule of the program\nNext tick:         2026-01-01 02:30:00, in 1h30m0s\n"),
			daemontest.Logs("\nNext tick:         when Execute #1 has returned\n"), daemontest.Exit(0),
		},
	})
	play(t, equipped(core.IterationTimeout(3*time.Second), core.MaxRestarts(3, time.Minute), core.MaxConsecutiveFailures(2)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(2.25, usr1), stopAt(3.5)},
		Options: []core.Option{core.RestartEvery(time.Hour)},
		Want: daemontest.Want{
			daemontest.Logs("\nNext tick:         2026-01-01 00:00:03, in 750ms\nTime-outs:         iteration 3s, shutdown 10s\n" +
				"Restart interval:  1h0m0s\nAfter errors:      2 failures in a row, then restart, at most 3 in 1m0s; pauses of 2s to 1m0s\n"),
			daemontest.Exit(0),
		},
	})
}
