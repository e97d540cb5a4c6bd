package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

func TestMinimalBeatsEachSecond(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Steps: daemontest.Steps{
			daemontest.At(9500*time.Millisecond, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{daemontest.Iterations(10), daemontest.Logs("beat 10"), daemontest.Exit(0)},
	})
}
