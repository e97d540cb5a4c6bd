package logfile_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/slogger"
)

// BenchmarkLog is a line to a file, by a Log, by slog over a Log, and by slog's
// own text handler. The mark is 1.2 × the lines a second of the last.
func BenchmarkLog(b *testing.B) {
	open := func(b *testing.B) *logfile.Log {
		log := logfile.New(logfile.Config{Daemon: "bench", Host: "bench"})
		log.Configure(logfile.Settings{Name: logfile.Fixed(filepath.Join(b.TempDir(), "log"))})
		log.Open()
		b.Cleanup(log.Close)
		b.ReportAllocs()
		b.ResetTimer()
		return log
	}
	b.Run("printf", func(b *testing.B) {
		log := open(b)
		for n := range b.N {
			log.Printf("fetched %d rows of %s", n, "orders")
		}
	})
	b.Run("handler", func(b *testing.B) {
		log := slog.New(slogger.Handler(open(b)))
		b.ResetTimer()
		for n := range b.N {
			log.Info("fetched rows", "n", n, "of", "orders")
		}
	})
	b.Run("slog", func(b *testing.B) {
		f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		log := slog.New(slog.NewTextHandler(f, nil))
		b.ReportAllocs()
		b.ResetTimer()
		for n := range b.N {
			log.Info("fetched rows", "n", n, "of", "orders")
		}
	})
}
