package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

func TestHeartbeatOutlivesASlowBeat(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:    "-d -p heartbeat.pid --every 5s",
		Execute: daemontest.Takes(200*time.Millisecond).Except(3, 7*time.Second),
		Steps: daemontest.Steps{
			daemontest.At(12*time.Second, daemontest.Signal(syscall.SIGUSR1)),
			daemontest.At(31*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Iterations(7), daemontest.Overruns(1),
			daemontest.Logs("Run Loop Taking Too Long"),
			daemontest.Exit(0), daemontest.LockReleased(), daemontest.NoFile("heartbeat.pid"),
		},
	})
}
