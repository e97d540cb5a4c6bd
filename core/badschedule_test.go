package core_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/mail"
)

// minutely is a schedule with a tick each minute, which goes wrong as a test has
// it do.
type minutely func(after, next time.Time) time.Time

func (m minutely) Next(after time.Time) time.Time {
	return m(after, after.Truncate(time.Minute).Add(time.Minute))
}

// wrongs are the ways in which a schedule goes wrong, and what is said of each.
var wrongs = []struct {
	name, says string
	next       minutely
}{
	{"panics", "has failed: panic: no almanac", func(_, _ time.Time) time.Time { panic("no almanac") }},
	{"ends its goroutine", "has failed: runtime.Goexit was called", func(_, next time.Time) time.Time { runtime.Goexit(); return next }},
	{"goes back", "says that the next tick after 2026-01-01 00:0", func(after, _ time.Time) time.Time { return after.Add(-time.Hour) }},
	{"stands still", "says that the next tick after 2026-01-01 00:0", func(after, _ time.Time) time.Time { return after }},
	{"hangs", "has not answered within 5s", func(_, next time.Time) time.Time { time.Sleep(20 * time.Second); return next }},
}

// wrongBetween is a schedule that goes wrong between two times of a scenario.
func wrongBetween(from, to time.Duration, wrong minutely) minutely {
	return func(after, next time.Time) time.Time {
		if now := time.Now(); now.Before(newYear.Add(from)) || !now.Before(newYear.Add(to)) {
			return next
		}
		return wrong(after, next)
	}
}

func scheduled(s minutely, options ...core.Option) daemontest.NewFunc {
	return bare(append([]core.Option{core.Scheduled(s), core.Execute(idles), core.WithLog(logfile.Fixed(logPath))}, options...)...)
}

// A schedule that goes wrong while the daemon runs is a fatal error: it backs off
// and goes on, and the tick that it went wrong at is served when it is well.
func TestAScheduleThatGoesWrong(t *testing.T) {
	for _, w := range wrongs {
		t.Run(w.name, func(t *testing.T) {
			schedule := wrongBetween(290*time.Second, 310*time.Second, w.next)
			want := daemontest.Want{
				daemontest.Iterations(7), noStartBetween(241, 309), startsBetween(310, 359), startsBetween(360, 360), startsBetween(420, 420),
				daemontest.Logs("Error: the schedule of the program " + w.says), daemontest.Restarts(1),
				daemontest.Failures(0), daemontest.MissedTicks(0), daemontest.Exit(0),
			}
			if w.name == "hangs" {
				want = append(want, daemontest.Logs("the schedule of the program has not answered yet"))
			}
			play(t, scheduled(schedule, core.WithAlerts(mail.Writer(io.Discard), "ops@example.com")), daemontest.Scenario{
				Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(450, term)}, Want: want,
			})
			play(t, scheduled(schedule), daemontest.Scenario{
				Execute: daemontest.Instantly(),
				Want: daemontest.Want{
					startsAt(60, 120, 180, 240), daemontest.Logs(w.says), daemontest.Exit(1),
				},
			})
			// A stop does not wait for longer than the schedule may take.
			play(t, scheduled(schedule), daemontest.Scenario{
				Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(301, term)},
				Want: daemontest.Want{
					startsAt(60, 120, 180, 240), daemontest.Exit(0),
					daemontest.Check("the end", func(r *daemontest.Result) error {
						if at := r.Ended(); at < 301*time.Second || at > 306*time.Second {
							return fmt.Errorf("it is at %s", at)
						}
						return nil
					}),
				},
			})
			// At the end of an iteration that was overrun.
			for args, code := range map[string]int{"-d": 0, "": 1} {
				play(t, scheduled(schedule), daemontest.Scenario{
					Args: args, Execute: daemontest.Takes(time.Second).Except(4, 65*time.Second), Steps: daemontest.Steps{at(450, term).Maybe()},
					Want: daemontest.Want{noStartBetween(241, 306), daemontest.Logs(w.says), daemontest.Exit(code)},
				})
			}
			play(t, scheduled(schedule, core.ShutdownTimeout(time.Hour)), daemontest.Scenario{
				Args: "-d", Execute: daemontest.Takes(time.Second).Except(4, 65*time.Second), Steps: daemontest.Steps{at(300, term)},
				Want: daemontest.Want{startsAt(60, 120, 180, 240), daemontest.Logs(w.says), daemontest.Exit(0)},
			})
			// It is refused at the start, and nothing is touched.
			for _, args := range []string{"", "-d", "--check"} {
				play(t, scheduled(w.next), daemontest.Scenario{
					Args: args, Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("poller: the schedule of the program "+w.says)),
				})
			}
		})
	}
}

// One error at the end of an iteration that was overrun is fatal, too.
func TestAScheduleThatGoesWrongOnce(t *testing.T) {
	once := func(extra ...core.Option) *core.Daemon {
		wrong := wrongs[0].next
		return scheduled(wrongBetween(304*time.Second, 306*time.Second, func(after, next time.Time) time.Time {
			if wrong == nil {
				return next
			}
			wrong = nil
			panic("no almanac")
		}))(extra...)
	}
	play(t, once, daemontest.Scenario{
		Args: "-d", Execute: daemontest.Takes(time.Second).Except(4, 65*time.Second), Steps: daemontest.Steps{at(450, term)},
		Want: daemontest.Want{daemontest.LogsTimes("no almanac\nRestarting after a fatal error", 1), daemontest.Restarts(1), startsBetween(306, 312), daemontest.Exit(0)},
	})
}

// A schedule that goes wrong just after the checks is a Setup that fails: a bad
// start, or a restart that is tried again.
func TestAScheduleThatGoesWrongDuringSetup(t *testing.T) {
	slow := core.Setup(func(context.Context, *core.Daemon) error { time.Sleep(time.Second); return nil })
	for _, w := range wrongs[:4] {
		t.Run(w.name, func(t *testing.T) {
			play(t, scheduled(wrongBetween(time.Second, time.Hour, w.next), slow), daemontest.Scenario{
				Args: "-d", Want: daemontest.Want{daemontest.NeverReady(), daemontest.Exit(1), daemontest.Stderr(w.says)},
			})
			play(t, scheduled(wrongBetween(101*time.Second, 120*time.Second, w.next), slow), daemontest.Scenario{
				Args: "-d", Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(100, hup), at(200, term)},
				Want: daemontest.Want{daemontest.Iterations(3), startsBetween(120, 179), startsBetween(180, 180), daemontest.Logs(w.says), daemontest.Exit(0)},
			})
		})
	}
}

// SIGCONT asks the schedule, too, where the wall clock was set back.
func TestAScheduleThatGoesWrongAtSIGCONT(t *testing.T) {
	for args, code := range map[string]int{"-d": 0, "": 1} {
		play(t, scheduled(func(after, next time.Time) time.Time {
			if after.Before(newYear) {
				panic("no almanac")
			}
			return next
		}), daemontest.Scenario{
			Args: args, Execute: daemontest.Instantly(),
			Steps: daemontest.Steps{
				at(90, daemontest.StepWallClock(-2*time.Hour), cont), at(100, daemontest.StepWallClock(2*time.Hour)).Maybe(), at(200, term).Maybe(),
			},
			Want: daemontest.Want{daemontest.Logs("no almanac"), daemontest.Exit(code)},
		})
	}
}

// A schedule that ends starts no further iteration, and the daemon stays.
func TestAScheduleThatEnds(t *testing.T) {
	ends := minutely(func(_, next time.Time) time.Time {
		if next.After(newYear.Add(3 * time.Minute)) {
			return time.Time{}
		}
		return next
	})
	play(t, scheduled(ends), daemontest.Scenario{
		Execute: daemontest.Instantly(), Steps: daemontest.Steps{at(3600, usr1), at(24*3600, term)},
		Want: daemontest.Want{
			startsAt(60, 120, 180), daemontest.LogsTimes("The schedule of the program has no further tick: this iteration is its last", 1),
			daemontest.Logs("Next tick:         none: the schedule has no further one"), daemontest.Exit(0),
		},
	})
	play(t, scheduled(func(_, _ time.Time) time.Time { return time.Time{} }), daemontest.Scenario{
		Want: append(untouched(), daemontest.Exit(1), daemontest.Stderr("has no tick after 2026-01-01 00:00:00: it would never start an iteration")),
	})
}
