package logfile_test

import (
	"os"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
)

// noon is a clock that stands still, for the examples.
type noon struct{ handClock }

func (*noon) Wall() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// A log writes to standard output until it is opened.
func ExampleLog() {
	log := logfile.New(logfile.Config{PID: 12345, Stdout: os.Stdout, Clock: &noon{handClock{Clock: clockwork.Real()}}})
	log.Print("a message of\ntwo lines")
	log.Printf("no message can \x1b[31mcolour\a a terminal")
	// Output:
	// [2026-11-23 12:00:00] 12345 a message of
	// [2026-11-23 12:00:00] 12345 two lines
	// [2026-11-23 12:00:00] 12345 no message can \x1b[31mcolour\a a terminal
}

// With JSON each message is one object.
func ExampleSettings_json() {
	log := logfile.New(logfile.Config{PID: 12345, Stdout: os.Stdout, Clock: &noon{handClock{Clock: clockwork.Real()}}})
	log.Configure(logfile.Settings{JSON: true})
	log.Print("fetched 12 rows")
	// Output:
	// {"time":"2026-11-23T12:00:00Z","level":"INFO","msg":"fetched 12 rows","pid":12345}
}
