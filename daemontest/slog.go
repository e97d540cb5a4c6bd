package daemontest

import (
	"log"
	"log/slog"

	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/daemontest/internal/world"
)

// captureSlog makes what slog.Default and package log are told log lines of a
// world, until restore is called.
func captureSlog(w *world.World) (restore func()) {
	before, writer, flags := slog.Default(), log.Writer(), log.Flags()
	withoutTime := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{} // the line has it
		}
		return a
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(slogLines{w.Timeline.Source(0)}, &slog.HandlerOptions{
		Level: slog.LevelDebug, ReplaceAttr: withoutTime,
	})))
	return func() {
		slog.SetDefault(before)
		log.SetOutput(writer) // which SetDefault leaves as it is
		log.SetFlags(flags)
	}
}

type slogLines struct{ record *timeline.Source }

func (s slogLines) Write(line []byte) (int, error) {
	s.record.Log(string(line[:len(line)-1]))
	return len(line), nil
}
