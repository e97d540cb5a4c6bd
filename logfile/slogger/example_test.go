package slogger_test

import (
	"log/slog"
	"os"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/slogger"
)

// noon is a clock that stands still, for the example.
type noon struct{ clockwork.Clock }

func (noon) Wall() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// log/slog writes to the same log.
func ExampleHandler() {
	log := logfile.New(logfile.Config{PID: 12345, Stdout: os.Stdout, Clock: noon{clockwork.Real()}})
	logger := slog.New(slogger.Handler(log)).With("job", 7)
	logger.Info("fetched", "rows", 12)
	logger.Warn("slow", "took", 3*time.Second)
	// Output:
	// [2026-11-23 12:00:00] 12345 fetched job=7 rows=12
	// [2026-11-23 12:00:00] 12345 Warning: slow job=7 took=3s
}
