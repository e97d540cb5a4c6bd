package core_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// warms is a WarmUp that takes that long, unless its context ends before.
func warms(takes time.Duration) core.Option {
	return core.WarmUp(func(ctx context.Context, d *core.Daemon) error {
		d.Logf("begins to warm up")
		if err := clockwork.Sleep(ctx, d.Clock(), takes); err != nil {
			d.Logf("breaks off")
			return err
		}
		d.Logf("is warm")
		return nil
	})
}

// warmsOn is a WarmUp that takes that long, whatever its context says.
func warmsOn(takes time.Duration) core.Option {
	return core.WarmUp(func(_ context.Context, d *core.Daemon) error {
		d.Logf("begins to warm up")
		return clockwork.Sleep(context.Background(), d.Clock(), takes)
	})
}

// logsAt wants lines with that text to be logged at these seconds, rounded to
// tenths, and at no others.
func logsAt(text string, s ...float64) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("%q at %v", text, seconds(s...)), func(r *daemontest.Result) error {
		got := r.LoggedAt(text)
		for i := range got {
			got[i] = got[i].Round(100 * time.Millisecond)
		}
		if !slices.Equal(got, seconds(s...)) {
			return fmt.Errorf("it was logged at %v", got)
		}
		return nil
	})
}

const standsByStatus = "READY=1\nSTATUS=Standing by: lock memory:poller is held by poller, PID 4711 on otherhost, since 2025-12-31 23:59:00"

// A standby warms up while it waits, is ready when it is warm, and has only Setup
// left to do when the lock is free.
func TestAStandbyWarmsUpWhileItWaits(t *testing.T) {
	play(t, leased(core.Standby(), warms(5*time.Second), core.Setup(does("Setup"))), daemontest.Scenario{
		Supervised: true,
		Held:       []string{leaseURL},
		Execute:    daemontest.Instantly(),
		Steps: daemontest.Steps{
			at(3, usr1), at(7, usr1), at(4, daemontest.LockOutage(errBoom)), at(4.6, daemontest.LockOutage(nil)),
			at(20, daemontest.FreeLock(leaseURL)), stopAt(22.5),
		},
		Want: daemontest.Want{
			logsAt("begins to warm up", 0), logsAt("is warm", 5), logsAt("Warmed up in 5s", 5), done("Setup"), logsAt("Standing by. ", 0),
			daemontest.Logs("Warm-up:           running for 3s"), daemontest.Logs("Warm-up:           done in 5s"),
			daemontest.Notifies("STATUS=Warming up, to stand by", standsByStatus, "READY=1\nSTATUS=Running", "STOPPING=1"),
			noStartBetween(-1, 20), startsBetween(20, 20.1), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// What does not stand by warms up once in each program, before its Setup, and under
// its lock, which is renewed meanwhile. A newcomer that is refused does not, nor
// does a trial.
func TestADaemonWarmsUpBeforeItsSetup(t *testing.T) {
	for name, declare := range map[string]func(...core.Option) daemontest.NewFunc{
		"a lease": leased, "a lock file": equipped,
		"no lock": func(o ...core.Option) daemontest.NewFunc { return equipped(append(o, core.WithLock(nil))...) },
		"interval 0": func(o ...core.Option) daemontest.NewFunc {
			return equipped(append(o, core.Every(0))...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := daemontest.Want{
				logsAt("begins to warm up", 0, 25.1), logsAt("doing Setup", 10, 35.1), logsAt("doing more", 10, 35.1), noStartBetween(-1, 10),
				startsBetween(10, 10.1), startsBetween(35.1, 36.1), daemontest.Restarts(1), daemontest.Exit(0), daemontest.NoLog("Warmed up in"),
			}
			steps := daemontest.Steps{at(25.05, hup), stopAt(40.5)}
			if name == "no lock" {
				want = append(want, daemontest.NoLock())
			} else {
				steps = append(steps, at(12, daemontest.Command("-v")))
				want = append(want, daemontest.ExitOf("-v", 0), daemontest.LockReleased())
			}
			play(t, declare(core.Setup(does("Setup")), warms(10*time.Second), core.WarmUp(does("more"))), daemontest.Scenario{
				Args: "-d", Execute: daemontest.Takes(100 * time.Millisecond), Steps: steps, Want: want,
			})
		})
	}
}

// A lock that is won meanwhile is kept, and Setup waits for the warm-up.
func TestALockIsWonDuringTheWarmUp(t *testing.T) {
	for name, declare := range map[string]func(...core.Option) daemontest.NewFunc{"a lock that tells": leased, "a lock that is polled": muted} {
		t.Run(name, func(t *testing.T) {
			play(t, declare(core.Standby(), warms(30*time.Second), core.Setup(does("Setup"))), daemontest.Scenario{
				Args:    "-v",
				Execute: daemontest.Instantly(),
				Steps: daemontest.Steps{
					at(31, daemontest.Command("-p 2.pid")), stopAt(40.2), at(62.5, daemontest.SignalTo("-p 2.pid", sigterm)),
				},
				Want: daemontest.Want{
					daemontest.Exit(0), logsAt("begins to warm up", 0, 31), logsAt("is warm", 30, 61), logsAt("doing Setup", 30, 61),
					noStartBetween(40.2, 61), startsBetween(61, 61.1), daemontest.LockReleased(),
				},
			})
		})
	}
}

// A stop, and a restart, break the warm-up off, whether the lock is won or not. One
// that ignores its context is waited for as Teardown is.
func TestAWarmUpCanBeBrokenOff(t *testing.T) {
	free := at(2, daemontest.FreeLock(leaseURL))
	never, taken, none := daemontest.NeverReady(), daemontest.LockReleased(), daemontest.NoLock()
	for name, c := range map[string]struct {
		warmUp core.Option
		steps  daemontest.Steps
		want   daemontest.Want
	}{
		"by a stop, standing by":                    {warms(time.Minute), daemontest.Steps{stopAt(5)}, daemontest.Want{never, none, endsAt(5), daemontest.Exit(0), logsAt("breaks off", 5)}},
		"by a stop, with the lock":                  {warms(time.Minute), daemontest.Steps{free, stopAt(5)}, daemontest.Want{never, taken, endsAt(5), daemontest.Exit(0), logsAt("breaks off", 5)}},
		"by a stop, which it ignores, standing by":  {warmsOn(time.Minute), daemontest.Steps{stopAt(5)}, daemontest.Want{never, none, endsAt(15), daemontest.Exit(1)}},
		"by a stop, which it ignores, with a lock":  {warmsOn(time.Minute), daemontest.Steps{free, stopAt(5)}, daemontest.Want{never, taken, endsAt(15), daemontest.Exit(1)}},
		"by a stop, which it ignores for a while":   {warmsOn(11 * time.Second), daemontest.Steps{stopAt(5)}, daemontest.Want{never, none, endsAt(11), daemontest.Exit(0)}},
		"by two stops, which it ignores":            {warmsOn(time.Minute), daemontest.Steps{stopAt(5), at(6, term)}, daemontest.Want{never, none, endsAt(6), daemontest.Exit(1)}},
		"by a restart, standing by":                 {warms(time.Minute), daemontest.Steps{at(5, hup), stopAt(90)}, daemontest.Want{never, none, daemontest.Exit(0), daemontest.Restarts(1), logsAt("breaks off", 5), logsAt("is warm", 65)}},
		"by a restart, which it ignores":            {warmsOn(time.Minute), daemontest.Steps{at(5, hup), stopAt(90)}, daemontest.Want{never, none, daemontest.Exit(0), daemontest.Restarts(1), logsAt("begins to warm up", 0, 15)}},
		"by a restart, with the lock, which waits":  {warms(10 * time.Second), daemontest.Steps{free, at(5, hup), stopAt(90)}, daemontest.Want{taken, daemontest.Exit(0), daemontest.Restarts(1), logsAt("is warm", 10, 20)}},
		"by the loss of the lock":                   {warms(10 * time.Second), daemontest.Steps{free, at(5, daemontest.StealLock(leaseURL)), at(30, daemontest.FreeLock(leaseURL)), stopAt(90)}, daemontest.Want{taken, daemontest.Exit(0), daemontest.Restarts(1), daemontest.LogsTimes("breaks off", 1), daemontest.LogsTimes("is warm", 1), noStartBetween(-1, 30), startsBetween(30, 30.1)}},
		"by the loss of the lock, which it ignores": {warmsOn(10 * time.Second), daemontest.Steps{free, at(5, daemontest.StealLock(leaseURL)), at(30, daemontest.FreeLock(leaseURL)), stopAt(90)}, daemontest.Want{taken, daemontest.Exit(0), daemontest.Restarts(1), logsAt("begins to warm up", 0, 10), noStartBetween(-1, 30), startsBetween(30, 30.1)}},
		"by an exec that fails: it warms up again":  {warms(10 * time.Second), daemontest.Steps{at(1, daemontest.LoseBinary()), at(5, hup), at(20, daemontest.FreeLock(leaseURL)), stopAt(90)}, daemontest.Want{taken, daemontest.Exit(0), logsAt("breaks off", 5), logsAt("is warm", 15), startsBetween(20, 20.1)}},
		"by an exec that fails, which it ignores":   {warmsOn(time.Minute), daemontest.Steps{at(1, daemontest.LoseBinary()), at(5, hup)}, daemontest.Want{never, none, daemontest.Exit(1), logsAt("begins to warm up", 0), daemontest.Logs("nothing can start beside it here")}},
	} {
		t.Run(name, func(t *testing.T) {
			args := ""
			if len(c.steps) > 1 {
				args = "-d"
			}
			play(t, leased(core.Standby(), c.warmUp), daemontest.Scenario{
				Args: args, Held: []string{leaseURL}, Execute: daemontest.Instantly(), Steps: c.steps,
				Want: c.want,
			})
		})
	}
}

// A daemon that cannot warm up has not started, and says why: its launcher is told
// as of a Setup that fails.
func TestADaemonThatCannotWarmUpDoesNotStart(t *testing.T) {
	taken, none := daemontest.LockReleased(), daemontest.NoLock()
	for says, warmUp := range map[string]core.Func{
		"warm-up: boom":             func(context.Context, *core.Daemon) error { return errBoom },
		"warm-up: panic: nil map":   func(context.Context, *core.Daemon) error { panic("nil map") },
		"runtime.Goexit was called": func(context.Context, *core.Daemon) error { runtime.Goexit(); return nil },
		"warm-up: row 7 is broken":  func(_ context.Context, d *core.Daemon) error { d.Fatalf("row %d is broken", 7); return nil },
	} {
		later := core.WarmUp(func(ctx context.Context, d *core.Daemon) error {
			time.Sleep(3 * time.Second)
			return warmUp(ctx, d)
		})
		for name, c := range map[string]struct {
			declare daemontest.NewFunc
			held    []string
			steps   daemontest.Steps
			lock    daemontest.Expectation
		}{
			"standing by":                    {leased(core.Standby(), later), []string{leaseURL}, nil, none},
			"standing by, between two polls": {equipped(core.WithLock(mute{held("x").Lock("x", 0)}), core.Standby(), later), nil, nil, none},
			"with the lock":                  {leased(core.Standby(), later), nil, nil, taken},
			"with a lock that was won":       {leased(core.Standby(), later), []string{leaseURL}, daemontest.Steps{at(1, daemontest.FreeLock(leaseURL))}, taken},
			"while the lock is being won":    {leased(core.Standby(), later), []string{leaseURL}, daemontest.Steps{at(2.9, daemontest.LockTakes(time.Second), daemontest.FreeLock(leaseURL))}, none},
			"without a lock":                 {equipped(core.WithLock(nil), later), nil, nil, none},
		} {
			t.Run(says+" "+name, func(t *testing.T) {
				play(t, c.declare, daemontest.Scenario{
					Args: "-d", Held: c.held, Steps: c.steps,
					Want: daemontest.Want{
						daemontest.Exit(1), daemontest.ExitOf("-d", 1), daemontest.Stderr(says), daemontest.MailContains(says),
						daemontest.NeverReady(), c.lock,
					},
				})
			})
		}
	}
}

// A standby that follows another program stands by although it cannot warm up: it
// alerts, tries again each minute, and once more when the lock is its own.
func TestAStandbyThatRestartsTriesToWarmUpAgain(t *testing.T) {
	for name, c := range map[string]struct {
		works float64 // from when on
		want  daemontest.Want
	}{
		"each minute":           {100, daemontest.Want{logsAt("trying again", 10, 70.8), logsAt("Warmed up in", 0, 131.6), logsAt("doing Setup", 300)}},
		"when the lock is free": {299, daemontest.Want{logsAt("trying again", 10, 70.8, 131.6, 192.3, 253.1), logsAt("Warmed up in", 0), logsAt("doing Setup", 300)}},
		"which fails":           {1000, daemontest.Want{daemontest.Exit(1), daemontest.MailContains("Shutting Down: warm-up: boom")}},
	} {
		t.Run(name, func(t *testing.T) {
			warmUp := core.WarmUp(func(_ context.Context, d *core.Daemon) error {
				if now := time.Since(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); d.Restarts() > 0 && now < seconds(c.works)[0] {
					return errBoom
				}
				return nil
			})
			steps := daemontest.Steps{at(10, hup), at(300, daemontest.FreeLock(leaseURL))}
			if name != "which fails" {
				steps = append(steps, stopAt(310.5))
				c.want = append(c.want, daemontest.Exit(0))
			}
			play(t, leased(core.Standby(), warmUp, core.Setup(does("Setup"))), daemontest.Scenario{
				Args: "-d", Held: []string{leaseURL}, Execute: daemontest.Instantly(), Steps: steps,
				Want: append(c.want, daemontest.LockReleased(), daemontest.Restarts(1)),
			})
		})
	}
}

// The same where nothing but a pause has to be ended.
func TestAWarmUpIsBrokenOffBetweenTwoPolls(t *testing.T) {
	for name, c := range map[string]struct {
		steps daemontest.Steps
		want  daemontest.Want
	}{
		"by a stop":    {daemontest.Steps{stopAt(5)}, daemontest.Want{endsAt(5), logsAt("breaks off", 5)}},
		"by a restart": {daemontest.Steps{at(5, hup), stopAt(90)}, daemontest.Want{daemontest.Restarts(1), logsAt("breaks off", 5), logsAt("is warm", 65)}},
	} {
		t.Run(name, func(t *testing.T) {
			declare := func(extra ...core.Option) *core.Daemon {
				return equipped(core.WithLock(mute{held("x").Lock("x", 0)}), core.Standby(), warms(time.Minute))(extra...)
			}
			play(t, declare, daemontest.Scenario{Steps: c.steps, Want: append(c.want, daemontest.Exit(0), daemontest.NeverReady())})
		})
	}
}

// A program whose checks have failed after its exec is not to set up: it does not
// warm up either, while it waits for a lock that was lost meanwhile.
func TestAProgramWhoseChecksHaveFailedDoesNotWarmUp(t *testing.T) {
	play(t, leased(core.Standby(), awayAfterExec(14, 60), warms(time.Second)), daemontest.Scenario{
		Args: "-d", Execute: daemontest.Instantly(),
		Steps: daemontest.Steps{at(14.5, hup, daemontest.StealLock(leaseURL)), at(30, daemontest.FreeLock(leaseURL)), at(240, term)},
		Want: daemontest.Want{
			daemontest.Logs("Standing by. "), daemontest.Logs("the checks of this program failed: no database"),
			daemontest.LogsTimes("begins to warm up", 2), startsBetween(239, 240), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}
