package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

// In the harness two minutes take milliseconds.
func TestDrillRestartsAfterErrorsUpToALimit(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args: "-d -p drill.pid --every 1s --fail-after 12",
		Want: daemontest.Want{
			daemontest.Iterations(17), daemontest.Failures(6), daemontest.Restarts(5),
			daemontest.LogsTimes("Restarting after a fatal error", 5),
			daemontest.Logs("there were 5 restarts after errors within 2m0s already"),
			daemontest.Exit(1), daemontest.LockReleased(), daemontest.NoFile("drill.pid"),
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
