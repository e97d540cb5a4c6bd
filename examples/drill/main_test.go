package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

// In the harness an hour takes milliseconds.
func TestDrillRestartsAfterErrorsAndNeverGivesUp(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:  "-d -p drill.pid --every 1s --fail-after 12",
		Steps: daemontest.Steps{daemontest.At(time.Hour, daemontest.Signal(syscall.SIGTERM))},
		Want: daemontest.Want{
			daemontest.Iterations(76), daemontest.Failures(65), daemontest.Restarts(64),
			daemontest.LogsTimes("Restarting after a fatal error", 65),
			daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile("drill.pid"),
		},
	})
}

func TestDrillHangsAndIsRestartedByItsTimeout(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:    "-d --every 1s --iteration-timeout 5s",
		Execute: daemontest.Takes(100 * time.Millisecond).HangsAt(3),
		Steps: daemontest.Steps{
			daemontest.At(30*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Restarts(1), daemontest.Logs("has run for longer than its time-out of 5s"),
			daemontest.Logs("Restart: 1 ("), daemontest.Exit(0), daemontest.LockReleased(),
		},
	})
}

// In the harness fifty children that hang take no process, and no time.
func TestDrillsHungChildrenEndInOneLimit(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:  "--every 10m --fork 50 --task hang",
		Steps: daemontest.Steps{daemontest.At(3*time.Second, daemontest.Signal(syscall.SIGTERM))},
		Want: daemontest.Want{
			daemontest.Forks("hang", 50), daemontest.AtMostChildren("hang", 50), daemontest.ChildrenGone(),
			daemontest.LogsTimes("has not ended within 5s: it was killed", 50),
			daemontest.EndsAt(8 * time.Second), daemontest.Exit(0),
		},
	})
}

// What the tasks do that end their process, or change what signals do to it, is
// scripted there.
func TestDrillsChildren(t *testing.T) {
	for task, test := range map[string]struct {
		script daemontest.ChildScript
		want   string
	}{
		"crash":      {daemontest.Child().PrintsError("panic: runtime error\n\ngoroutine 7 [running]:\n").Exits(2), "panic: runtime error"},
		"grandchild": {daemontest.Child().LeavesProcess().Logs("left the process 7").Returns("grandchild"), "left the process 7"},
		"stubborn":   {daemontest.Child().IgnoresTerm().Hangs(), "forked 2 tasks so far; 1 were refused"},
		"print":      {daemontest.Child(), "forked 3 tasks so far; 0 were refused"},
		"finish":     {daemontest.Child(), "forked 3 tasks so far; 0 were refused"},
	} {
		t.Run(task, func(t *testing.T) {
			daemontest.Run(t, New, daemontest.Scenario{
				Args:     "--every 1s --fork 1 --max-children 2 --print-bytes 1000 --task " + task,
				Children: map[string]daemontest.ChildScript{task: test.script},
				Steps:    daemontest.Steps{daemontest.At(2500*time.Millisecond, daemontest.Signal(syscall.SIGTERM))},
				Want:     daemontest.Want{daemontest.AtMostChildren(task, 2), daemontest.ChildrenGone(), daemontest.Logs(test.want), daemontest.Exit(0)},
			})
		})
	}
}
