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

// A supervisor that expects none gets none.
func TestNoSignsWithoutAWatchdog(t *testing.T) {
	play(t, equipped(), daemontest.Scenario{
		Supervised: true, Steps: daemontest.Steps{stopAt(60.5)},
		Want: daemontest.Want{signs(0, 0), daemontest.Notifies("READY=1", "STOPPING=1")},
	})
}
