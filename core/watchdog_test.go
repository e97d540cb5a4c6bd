package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest"
)

// signs wants so many signs of progress, and none while an Execute hangs.
func signs(least, most int) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("%d to %d signs of progress", least, most), func(r *daemontest.Result) error {
		n := 0
		for _, state := range r.Notified() {
			if strings.HasPrefix(state, "WATCHDOG=1\nSTATUS=") {
				n++
			}
		}
		if n < least || n > most {
			return fmt.Errorf("there were %d: %q", n, r.Notified())
		}
		return nil
	})
}

// The supervisor is given a sign of progress at half its time in every state, and
// none as long as an Execute hangs for longer than it may.
func TestTheSupervisorsWatchdog(t *testing.T) {
	refuse := daemontest.BreakBinary(errors.New("typo"))
	for _, c := range []struct {
		name        string
		options     []core.Option
		scenario    daemontest.Scenario
		least, most int
	}{
		{"asleep", []core.Option{core.Every(time.Hour)}, daemontest.Scenario{Steps: daemontest.Steps{stopAt(60.5)}}, 13, 13},
		{"interval 0", []core.Option{core.Every(0)}, daemontest.Scenario{
			Execute: daemontest.Takes(700 * time.Millisecond), Steps: daemontest.Steps{stopAt(60.2)},
		}, 13, 13},
		{"an iteration as long as the interval", []core.Option{core.Every(time.Minute)}, daemontest.Scenario{
			Execute: daemontest.Takes(59 * time.Second), Steps: daemontest.Steps{stopAt(59.5)},
		}, 12, 12},
		{"an iteration that hangs", nil, daemontest.Scenario{
			Execute: daemontest.Instantly().HangsAt(3), Steps: daemontest.Steps{at(60.5, daemontest.Signal(syscall.SIGKILL))},
			Want: daemontest.Want{daemontest.Killed()},
		}, 3, 3},
		{"an iteration that hangs until its time-out", []core.Option{core.IterationTimeout(20 * time.Second)}, daemontest.Scenario{
			Args: "-d", Execute: daemontest.Instantly().HangsAt(15), Steps: daemontest.Steps{stopAt(60.5)},
			Want: daemontest.Want{daemontest.Restarts(1)},
		}, 13, 15},
		{"a drain", []core.Option{core.ShutdownTimeout(time.Minute)}, daemontest.Scenario{
			Execute: daemontest.Instantly().Except(2, 59500*time.Millisecond), Steps: daemontest.Steps{stopAt(1.5)},
			Want: daemontest.Want{endsAt(60.5)},
		}, 13, 13},
		{"a standby", []core.Option{core.Standby()}, daemontest.Scenario{
			Held: []string{lockURL}, Steps: daemontest.Steps{stopAt(60.5)}, Want: daemontest.Want{daemontest.NeverReady()},
		}, 13, 13},
		{"a Setup that takes long", []core.Option{core.Setup(func(_ context.Context, _ *core.Daemon) error { time.Sleep(time.Minute); return nil })}, daemontest.Scenario{
			Steps: daemontest.Steps{stopAt(60.5)},
		}, 13, 13},
		{"a back-off beside what was abandoned", []core.Option{core.IterationTimeout(3 * time.Second)}, daemontest.Scenario{
			Args: "-d", Execute: daemontest.Instantly().HangsAt(15), Steps: daemontest.Steps{at(1, refuse), stopAt(60.5)},
		}, 13, 13},
		{"restarts", nil, daemontest.Scenario{
			Steps: daemontest.Steps{at(10.5, hup), at(20.5, hup), at(30.5, hup), stopAt(60.5)},
			Want:  daemontest.Want{daemontest.Restarts(3)},
		}, 13, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.scenario.Supervised, c.scenario.Watchdog = true, 10*time.Second
			c.scenario.Want = append(c.scenario.Want, signs(c.least, c.most))
			play(t, equipped(c.options...), c.scenario)
		})
	}
}

// statuses wants so many notifications of iterations alone, and the last one to be that.
func statuses(n int, last string) daemontest.Expectation {
	return daemontest.Check(fmt.Sprintf("%d times the status of an iteration", n), func(r *daemontest.Result) error {
		var got []string
		for _, state := range r.Notified() {
			if strings.HasPrefix(state, "STATUS=") {
				got = append(got, state)
			}
		}
		if len(got) != n || n > 0 && got[n-1] != "STATUS="+last {
			return fmt.Errorf("there were %d: %q", len(got), got)
		}
		return nil
	})
}

// A supervisor is told of an iteration at its end, at most once a second.
func TestTheSupervisorIsToldOfIterations(t *testing.T) {
	for _, c := range []struct {
		name        string
		options     []core.Option
		execute     daemontest.Script
		supervised  bool
		n           int
		last        string
		restartedAt float64
	}{
		{"each", nil, daemontest.Takes(200 * time.Millisecond), true, 10, "iteration 10 took 200ms, mean duration 200ms, 0 overruns, 0 failures", 0},
		{
			"rare ones",
			[]core.Option{core.Every(4 * time.Second)},
			daemontest.Takes(5 * time.Second), true, 2,
			"iteration 2 took 5s, mean duration 5s, 2 overruns, 0 failures", 0,
		},
		{
			"many",
			[]core.Option{core.Every(100 * time.Millisecond)},
			daemontest.Instantly(), true, 10,
			"iteration 91 took 0s, mean duration 0s, 0 overruns, 0 failures", 0,
		},
		{
			"interval 0",
			[]core.Option{core.Every(0)},
			daemontest.Takes(300 * time.Millisecond), true, 8,
			"iteration 29 took 300ms, mean duration 300ms, 0 overruns, 0 failures", 0,
		},
		{
			"one that fails",
			[]core.Option{core.MaxConsecutiveFailures(100)},
			daemontest.Instantly().FailsFrom(10, errBoom), true, 10,
			"iteration 10 failed after 0s, mean duration 0s, 0 overruns, 1 failures", 0,
		},
		{
			"one that hangs",
			[]core.Option{core.IterationTimeout(2 * time.Second)},
			daemontest.Instantly().HangsAt(3), true, 6,
			"iteration 8 took 0s, mean duration 0s, 0 overruns, 0 failures", 0,
		},
		{"a restart", nil, daemontest.Instantly(), true, 10, "iteration 10 took 0s, mean duration 0s, 0 overruns, 0 failures", 4.5},
		{"nobody", nil, daemontest.Instantly(), false, 0, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := daemontest.Steps{stopAt(9.5)}
			if c.restartedAt > 0 {
				steps = append(steps, at(c.restartedAt, hup))
			}
			play(t, equipped(c.options...), daemontest.Scenario{
				Supervised: c.supervised, Execute: c.execute, Steps: steps, Want: daemontest.Want{statuses(c.n, c.last)},
			})
		})
	}
}

// A supervisor that expects none gets none.
func TestNoSignsWithoutAWatchdog(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Supervised: true, Steps: daemontest.Steps{stopAt(60.5)},
		Want: daemontest.Want{signs(0, 0), daemontest.Notifies("READY=1", "STOPPING=1")},
	})
}
