package logfile_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
	"github.com/evertick/evertick/logfile/slogger"
)

// Two logs of two processes on one file, each used by many goroutines, while
// the file is rotated: every line is there once and whole.
func TestLinesOfManyDoNotMix(t *testing.T) {
	const writers, lines = 8, 200
	for _, json := range []bool{false, true} {
		name := filepath.Join(t.TempDir(), "poller.log")
		clock := &handClock{Clock: clockwork.Real(), wall: begin}
		var logs []*logfile.Log
		for pid := range 2 {
			log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: pid + 1, Clock: clock, Stdout: &bytes.Buffer{}})
			log.Configure(logfile.Settings{Name: logfile.Fixed(name), JSON: json})
			log.Open()
			logs = append(logs, log)
		}
		var wg sync.WaitGroup
		for w := range writers {
			log := logs[w%len(logs)]
			wg.Go(func() {
				logger := slog.New(slogger.Handler(log)).With("writer", w)
				for n := range lines {
					log.Printf("printed %d.%d.", w, n)
					logger.Info(fmt.Sprintf("logged %d.%d.", w, n))
				}
			})
		}
		for n := range 3 {
			clock.step(time.Second)
			if err := os.Rename(name, fmt.Sprint(name, ".", n)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			_ = logs[0].Path()
		}
		wg.Wait()
		for _, log := range logs {
			log.Close()
		}
		everyLineOnce(t, name, writers, lines)
	}
}

// everyLineOnce looks into all files of that name.
func everyLineOnce(t *testing.T, name string, writers, lines int) {
	t.Helper()
	files, err := filepath.Glob(name + "*")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	content := all.String()
	for line := range strings.Lines(content) {
		if n := strings.Count(line, "printed") + strings.Count(line, "logged") + strings.Count(line, "Log Opened"); n != 1 {
			t.Fatalf("%d messages in the line %q", n, line)
		}
	}
	for w := range writers {
		for n := range lines {
			for _, verb := range []string{"printed", "logged"} {
				if message := fmt.Sprintf("%s %d.%d.", verb, w, n); strings.Count(content, message) != 1 {
					t.Fatalf("%q is there %d times", message, strings.Count(content, message))
				}
			}
		}
	}
}

// Observe is called with the log unlocked, so that it may ask the log.
func TestObserveMayAskTheLog(t *testing.T) {
	for _, json := range []bool{false, true} {
		var log *logfile.Log
		var seen []string
		log = logfile.New(logfile.Config{
			Stdout:  &bytes.Buffer{},
			Observe: func(_ int, message string) { seen = append(seen, log.Format(message)+log.Path()) },
		})
		log.Configure(logfile.Settings{JSON: json})
		log.Print("printed")
		slog.New(slogger.Handler(log)).Info("logged")
		if len(seen) != 2 {
			t.Errorf("JSON %t: observed %q", json, seen)
		}
	}
}
