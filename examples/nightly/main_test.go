package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/daemontest"
)

func TestNightlyMakesUpForANight(t *testing.T) {
	const day, next = 24 * time.Hour, "-v"
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	age := daemontest.Do("age a file", func(w *daemontest.World) {
		if err := os.Chtimes(w.Path("files/old"), start, start.AddDate(0, 0, -8)); err != nil {
			w.Fail("%v", err)
		}
	})
	daemontest.Run(t, New, daemontest.Scenario{
		Start: start,
		Files: map[string]string{"files/old": "", "files/new": ""},
		Steps: daemontest.Steps{
			daemontest.At(2*day, age, daemontest.Signal(syscall.SIGKILL)),
			daemontest.At(3*day, daemontest.Command(next)),
			daemontest.At(3*day+time.Hour, daemontest.SignalTo(next, syscall.SIGTERM)),
		},
		Want: daemontest.Want{
			daemontest.Killed(), daemontest.Of(next, daemontest.Exit(0)), daemontest.Iterations(3),
			daemontest.Logs("The daemon did not run at 2026-03-04 02:30:00"), daemontest.NoFile("files/old"), daemontest.FileContains("files/new", ""),
		},
	})
}
