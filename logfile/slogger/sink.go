package slogger

import (
	"context"
	"log/slog"
	"strings"

	"github.com/evertick/evertick/logfile"
)

// To returns what sends the whole log to a handler, for core.WithLogHandler: a
// record for each message, with its level and the attribute pid. A message that
// begins with "Error: " or "Warning: " loses that word to its level. What is logged
// through [New] reaches the handler with all its attributes. The handler's own
// level counts besides that of the log.
func To(h slog.Handler) logfile.Handler { return sink{h} }

// sink hands the messages of a log to a handler.
type sink struct{ to slog.Handler }

var _ logfile.Handler = sink{}

// with returns the handler with the number of a process.
func (s sink) with(pid int) slog.Handler { return s.to.WithAttrs([]slog.Attr{slog.Int("pid", pid)}) }

// Handle makes a record of a message.
func (s sink) Handle(m logfile.Message) error {
	ctx, level := context.Background(), slog.Level(m.Level)
	if !s.to.Enabled(ctx, level) {
		return nil
	}
	r := slog.NewRecord(m.Time, level, strings.TrimSuffix(strings.TrimPrefix(m.Text, m.Level.Word()), "\n"), 0)
	return s.with(m.PID).Handle(ctx, r)
}
