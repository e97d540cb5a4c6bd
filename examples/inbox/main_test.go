package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

func TestInboxTakesEachFileOnceAndStopsAtOnce(t *testing.T) {
	daemontest.Run(t, New, daemontest.Scenario{
		Args:  "-d -p inbox.pid",
		Files: map[string]string{"in/a": "one", "in/b": "two", "done/": ""},
		Steps: daemontest.Steps{
			daemontest.At(5500*time.Millisecond, daemontest.WriteFile("in/c", "three"), daemontest.Signal(syscall.SIGHUP)),
			daemontest.At(10*time.Second, daemontest.Signal(syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.LogsTimes("taking", 3), daemontest.FileContains("done/c", "three"), daemontest.NoFile("in/a"),
			daemontest.Failures(0), daemontest.Restarts(1), daemontest.Exit(0), daemontest.EndsAt(10 * time.Second), daemontest.LockReleased(),
		},
	})
}
