package core_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
	"github.com/evertick/evertick/lock"
)

// Iterations start on the grid, however long each of them takes.
func TestTicksStandOnTheGrid(t *testing.T) {
	play(t, poller(), daemontest.Scenario{
		Execute: daemontest.Takes(300*time.Millisecond).Except(2, 700*time.Millisecond),
		Steps:   daemontest.Steps{stopAt(3.5)},
		Want:    daemontest.Want{startsAt(0, 1, 2, 3), daemontest.Overruns(0), daemontest.MissedTicks(0), daemontest.Exit(0)},
	})
}

// After 10,000 ticks the daemon is as punctual as after one.
func TestNoErrorAccumulatesOverTenThousandTicks(t *testing.T) {
	const interval = 10 * time.Millisecond
	grid := make([]time.Duration, 10_001)
	for n := range grid {
		grid[n] = time.Duration(n) * interval
	}
	play(t, poller(core.Every(interval)), daemontest.Scenario{
		Execute: daemontest.Takes(1234 * time.Microsecond),
		Steps:   daemontest.Steps{stopAt(100.005)},
		Want:    daemontest.Want{daemontest.IterationsAt(grid...), daemontest.Exit(0)},
	})
}

// An iteration that overruns costs the ticks that it ran over, and no more:
// what becomes of them is the daemon's choice, and the grid is met again.
func TestAnOverrunCostsTheMissedTicksAsChosen(t *testing.T) {
	for _, c := range []struct {
		name   string
		missed clockwork.MissedPolicy
		first  time.Duration // what the first iteration takes, the others 1s
		starts []float64
		count  int64
	}{
		{"once: one tick", core.Coalesce, 14 * time.Second, []float64{0, 14, 20, 30}, 1},
		{"once: three ticks, one iteration", core.Coalesce, 35 * time.Second, []float64{0, 35, 40}, 3},
		{"once: ends with a tick", core.Coalesce, 20 * time.Second, []float64{0, 20, 30}, 1},
		{"once: ends just after a tick", core.Coalesce, 10*time.Second + time.Millisecond, []float64{0, 10.001, 20, 30}, 1},
		{"skip: one tick", core.Skip, 14 * time.Second, []float64{0, 20, 30}, 1},
		{"skip: three ticks", core.Skip, 35 * time.Second, []float64{0, 40}, 3},
		{"skip: ends with a tick", core.Skip, 20 * time.Second, []float64{0, 20, 30}, 1},
		{"all: one tick", core.CatchUp, 14 * time.Second, []float64{0, 14, 20, 30}, 1},
		{"all: three ticks, back to back", core.CatchUp, 35 * time.Second, []float64{0, 35, 36, 37, 40}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, poller(core.Every(10*time.Second), core.MissedTicks(c.missed)), daemontest.Scenario{
				Execute: daemontest.Takes(time.Second).Except(1, c.first),
				Steps:   daemontest.Steps{stopAt(max(c.starts[len(c.starts)-1], 35) + 3)},
				Want: daemontest.Want{
					startsAt(c.starts...), daemontest.Overruns(1), daemontest.MissedTicks(c.count), daemontest.Exit(0),
				},
			})
		})
	}
}

// With two overruns in a row, Once does not save up the ticks of the first.
func TestOverrunsInARowNeverMakeABurst(t *testing.T) {
	play(t, poller(core.Every(10*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(0).Except(1, 34*time.Second).Except(2, 17*time.Second),
		Steps:   daemontest.Steps{stopAt(75)},
		Want:    daemontest.Want{startsAt(0, 34, 51, 60, 70), daemontest.MissedTicks(5), daemontest.Exit(0)},
	})
}

// The lines about long iterations have a fixed wording, and begin above 90 %
// and above 100 % of the interval.
func TestLongIterationsAreToldInFixedWords(t *testing.T) {
	const near, over = "Warning: Run Loop Near Max Allowed Duration. ", "Run Loop Taking Too Long. "
	const overdue = "Run Loop Overdue: Execute #2 is still running after 1s. Interval: 1s"
	for _, c := range []struct {
		takes time.Duration
		line  string
	}{
		{900 * time.Millisecond, ""},
		{901 * time.Millisecond, near + "Duration: 901ms Interval: 1s"},
		{time.Second, near + "Duration: 1s Interval: 1s"},
		{1001 * time.Millisecond, over + "Duration: 1.001s Interval: 1s"},
		{1512 * time.Millisecond, over + "Duration: 1.512s Interval: 1s"},
	} {
		t.Run(c.takes.String(), func(t *testing.T) {
			want := daemontest.Want{daemontest.NoLog("Run Loop"), daemontest.Mails(0)}
			if c.line != "" {
				want = daemontest.Want{
					daemontest.FileContains(logPath, "] 100 "+c.line+"\n"),
					daemontest.LogsTimes(c.line, 1),
				}
			}
			switch {
			case c.takes > 1010*time.Millisecond: // it is told while it happens
				want = append(want, daemontest.Overruns(1), daemontest.Mails(1), daemontest.MailContains(overdue), daemontest.LogsTimes("Run Loop", 2))
			case c.takes > time.Second:
				want = append(want, daemontest.Overruns(1), daemontest.Mails(1), daemontest.MailContains(c.line), daemontest.LogsTimes("Run Loop", 1))
			default:
				want = append(want, daemontest.Overruns(0), daemontest.Mails(0), daemontest.NoLog("Overdue"))
			}
			play(t, equipped(), daemontest.Scenario{
				Execute: daemontest.Instantly().Except(2, c.takes),
				Steps:   daemontest.Steps{stopAt(4.5)},
				Want:    append(want, daemontest.Exit(0)),
			})
		})
	}
}

// FixedDelay measures its pause from the end of the iteration, so that nothing
// overruns and nothing is missed.
func TestAfterCountsFromTheEndOfTheIteration(t *testing.T) {
	play(t, bare(core.FixedDelay(5*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(2*time.Second).Except(2, 9*time.Second),
		Steps:   daemontest.Steps{stopAt(24)},
		Want: daemontest.Want{
			startsAt(0, 7, 21), daemontest.NoLog("Run Loop"), daemontest.MissedTicks(0), daemontest.Exit(0),
		},
	})
}

// The first tick comes when it was asked for, and the grid stands on it.
func TestTheFirstTickComesWhenAskedFor(t *testing.T) {
	for _, c := range []struct {
		name   string
		start  time.Time
		every  time.Duration
		first  core.Option
		starts []float64
	}{
		{"at once", clockAt(8, 12, 43), 5 * time.Second, core.FirstTick(core.Immediately), []float64{0, 5, 10}},
		{"after an interval", clockAt(8, 12, 43), 5 * time.Second, core.FirstTick(core.AfterInterval), []float64{5, 10, 15}},
		{"on round seconds", clockAt(8, 12, 43), 5 * time.Second, core.FirstTick(core.AlignedToClock), []float64{2, 7, 12}},
		{"already round", clockAt(8, 12, 45), 5 * time.Second, core.FirstTick(core.AlignedToClock), []float64{0, 5, 10}},
		{"on full hours", clockAt(8, 30, 0), time.Hour, core.FirstTick(core.AlignedToClock), []float64{1800, 5400}},
	} {
		t.Run(c.name, func(t *testing.T) {
			play(t, poller(core.Every(c.every), c.first), daemontest.Scenario{
				Start:   c.start,
				Execute: daemontest.Instantly(),
				Steps:   daemontest.Steps{stopAt(c.starts[len(c.starts)-1] + 1)},
				Want:    daemontest.Want{startsAt(c.starts...), daemontest.MissedTicks(0), daemontest.Exit(0)},
			})
		})
	}
}

func clockAt(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 23, hour, minute, second, 0, time.UTC)
}

// A daemon's jitter shifts its whole grid, by the same part of the maximum at
// each start, so that a fleet spreads out and each member keeps its place.
func TestJitterIsADaemonsConstant(t *testing.T) {
	const most = 4 * time.Second
	phase := func(name string) time.Duration {
		declare := func(extra ...core.Option) *core.Daemon {
			return core.New(name, append([]core.Option{core.Every(5 * time.Second), core.Spread(most)}, extra...)...)
		}
		starts := play(t, declare, daemontest.Scenario{
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{stopAt(25)},
			Want:    daemontest.Want{daemontest.Exit(0), daemontest.MissedTicks(0)},
		}).Starts()
		for n := range starts {
			if starts[n]-starts[0] != time.Duration(n)*5*time.Second {
				t.Errorf("%s: tick %d at %s, the first one at %s", name, n, starts[n], starts[0])
			}
		}
		return starts[0]
	}
	phases := map[time.Duration]bool{}
	for i := range 20 {
		name := fmt.Sprintf("poller%d", i)
		first := phase(name)
		if again := phase(name); again != first {
			t.Errorf("%s: first tick at %s, then at %s", name, first, again)
		}
		if first < 0 || first >= most {
			t.Errorf("%s: first tick at %s, want below %s", name, first, most)
		}
		phases[first.Truncate(time.Second)] = true
	}
	if len(phases) < 3 {
		t.Errorf("20 daemons start in %d different seconds", len(phases))
	}
}

// JitterEach shifts each tick by a part of its own. The shifts stay below the
// maximum, do not add up, and no tick counts as missed for them.
func TestJitterEachStaysWithinItsBounds(t *testing.T) {
	const interval, most = time.Second, 600 * time.Millisecond
	starts := play(t, poller(core.Every(interval), core.Jitter(most)), daemontest.Scenario{
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps:   daemontest.Steps{stopAt(200)},
		Want:    daemontest.Want{daemontest.Iterations(200), daemontest.MissedTicks(0), daemontest.Exit(0)},
	}).Starts()
	shifts := map[time.Duration]bool{}
	for n, start := range starts {
		shift := start - time.Duration(n)*interval
		if shift < 0 || shift >= most {
			t.Errorf("tick %d is shifted by %s, want below %s", n, shift, most)
		}
		shifts[shift.Truncate(most/10)] = true
	}
	if len(shifts) < 8 {
		t.Errorf("the shifts of %d ticks fall into %d of 10 parts", len(starts), len(shifts))
	}
}

// An iteration that ends between a tick's place on the grid and its shifted
// instant has missed nothing.
func TestJitterEachMissesNoTickThatIsStillToCome(t *testing.T) {
	play(t, poller(core.Jitter(900*time.Millisecond)), daemontest.Scenario{
		Execute: daemontest.Takes(90 * time.Millisecond),
		Steps:   daemontest.Steps{stopAt(500)},
		Want:    daemontest.Want{daemontest.Iterations(500), daemontest.MissedTicks(0), daemontest.Exit(0)},
	})
}

// Interval 0 leaves no time between iterations, for a loop that blocks on its
// own work.
func TestIntervalZeroNeverSleeps(t *testing.T) {
	play(t, poller(core.Every(0)), daemontest.Scenario{
		Execute: daemontest.Takes(300 * time.Millisecond),
		Steps:   daemontest.Steps{stopAt(1)},
		Want: daemontest.Want{
			startsAt(0, 0.3, 0.6, 0.9), endsAt(1.2), daemontest.NoLog("Run Loop"), daemontest.Exit(0),
		},
	})
}

// At interval 0 signals, dumps and restarts come between iterations all the
// same.
func TestIntervalZeroStillListens(t *testing.T) {
	play(t, equipped(core.Every(0)), daemontest.Scenario{
		Execute: daemontest.Takes(100 * time.Millisecond),
		Steps:   daemontest.Steps{at(0.33, usr1), at(0.55, cont), at(0.77, hup), stopAt(2.05)},
		Want: daemontest.Want{
			daemontest.Logs("Dump of poller"), daemontest.Restarts(1), daemontest.Iterations(21), endsAt(2.1), daemontest.Exit(0),
		},
	})
}

// SIGUSR1 does not move the next tick.
func TestADumpMovesNoTick(t *testing.T) {
	play(t, poller(core.Every(10*time.Second)), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(3, usr1), at(7, usr1), at(10, usr1), stopAt(21)},
		Want:    daemontest.Want{startsAt(0, 10, 20), daemontest.LogsTimes("Dump of poller", 3), daemontest.Exit(0)},
	})
}

// SIGCONT wakes a sleeping loop, and the grid stays where it is.
func TestSIGCONTWakesASleepingLoop(t *testing.T) {
	play(t, poller(core.Every(10*time.Second)), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(3, cont), at(12, cont), stopAt(21)},
		Want:    daemontest.Want{startsAt(0, 3, 10, 12, 20), daemontest.MissedTicks(0), daemontest.Exit(0)},
	})
}

// SIGCONT during an iteration starts no second one.
func TestSIGCONTDuringAnIterationStartsNone(t *testing.T) {
	play(t, poller(core.Every(10*time.Second)), daemontest.Scenario{
		Execute: daemontest.Takes(4 * time.Second),
		Steps:   daemontest.Steps{at(2, cont), stopAt(15)},
		Want:    daemontest.Want{startsAt(0, 10), daemontest.Exit(0)},
	})
}

// A daemon that was stopped for 30 intervals counts the ticks that it missed
// and makes up for all of them by one iteration.
func TestASuspendedDaemonCountsItsMissedTicks(t *testing.T) {
	for _, c := range []struct {
		missed clockwork.MissedPolicy
		starts []float64
	}{
		{core.Coalesce, []float64{0, 1, 2, 32.5, 33, 34}},
		{core.Skip, []float64{0, 1, 2, 33, 34}},
	} {
		play(t, poller(core.MissedTicks(c.missed)), daemontest.Scenario{
			Execute: daemontest.Instantly(),
			Steps:   daemontest.Steps{at(2.5, halt), at(32.5, cont), stopAt(34.5)},
			Want: daemontest.Want{
				startsAt(c.starts...), daemontest.MissedTicks(30), daemontest.LogsTimes("Warning: Missed 30 Ticks.", 1), daemontest.Exit(0),
			},
		})
	}
}

// SIGCONT may come a moment after the timer has told of the suspension: that
// makes no second iteration.
func TestALateSIGCONTMakesNoSecondIteration(t *testing.T) {
	play(t, poller(), daemontest.Scenario{
		Execute: daemontest.Instantly(),
		Steps:   daemontest.Steps{at(2.5, halt), at(32.5, cont), at(32.501, cont), at(33.5, cont), stopAt(34.5)},
		Want:    daemontest.Want{startsAt(0, 1, 2, 32.5, 33, 33.5, 34), daemontest.MissedTicks(30), daemontest.Exit(0)},
	})
}

// A step of the wall clock moves no tick and calls no long iteration long.
func TestAWallClockStepMovesNoTick(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			play(t, poller(core.FirstTick(core.AlignedToClock)), daemontest.Scenario{
				Execute: daemontest.Takes(500 * time.Millisecond),
				Steps: daemontest.Steps{
					at(1.2, daemontest.StepWallClock(step)), at(2.8, daemontest.StepWallClock(-2*step)), stopAt(4.9),
				},
				Want: daemontest.Want{
					startsAt(0, 1, 2, 3, 4), daemontest.MissedTicks(0), daemontest.NoLog("Run Loop"), daemontest.Exit(0),
				},
			})
		})
	}
}

// Iterations never overlap, whatever wakes the loop.
func TestIterationsNeverOverlap(t *testing.T) {
	running, most := 0, 0
	steps := daemontest.Steps{stopAt(20)}
	for i := range 60 {
		steps = append(steps, at(float64(i)*0.31, []daemontest.Action{cont, usr1, hup}[i%3]))
	}
	execute := func(ctx context.Context, d *core.Daemon) error {
		running++
		most = max(most, running)
		defer func() { running-- }()
		time.Sleep(700 * time.Millisecond)
		return nil
	}
	starts := play(t, equipped(), daemontest.Scenario{
		Execute: daemontest.Does(execute), Steps: steps, Want: daemontest.Want{daemontest.Exit(0)},
	}).Starts()
	if most != 1 || !slices.IsSorted(starts) {
		t.Errorf("%d iterations ran at a time", most)
	}
}

// An iteration on the grid allocates nothing, nor does one at interval 0.
func TestAnIterationAllocatesNothing(t *testing.T) {
	const n = 2_000
	for _, interval := range []time.Duration{0, 10 * time.Millisecond} {
		var before, after runtime.MemStats
		measure := func(_ context.Context, d *core.Daemon) error {
			switch d.Iteration() {
			case 100: // the first ones grow what is kept
				runtime.ReadMemStats(&before)
			case 100 + n:
				runtime.ReadMemStats(&after)
				d.Stop("enough")
			}
			return nil
		}
		play(t, poller(core.Every(interval), core.Execute(measure), core.WithLock(lock.File("/run/poller.lock"))), daemontest.Scenario{Want: daemontest.Want{daemontest.Exit(0)}})
		require.Less(t, after.Mallocs-before.Mallocs, uint64(n/2))
	}
}
