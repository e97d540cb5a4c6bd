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
