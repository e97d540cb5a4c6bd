package logfile_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evertick/evertick/logfile"
)

// taker is a handler that writes down what it takes.
type taker struct{ taken []string }

func (h *taker) Handle(m logfile.Message) error {
	if strings.Contains(m.Text, "refused") {
		return errors.New("it is full")
	}
	h.taken = append(h.taken, fmt.Sprintf("%s %d %s", m.Level, m.PID, m.Text))
	return nil
}

// A handler takes what is logged between Open and Close, and what the log before
// held for a file.
func TestAHandlerTakesWhatIsLogged(t *testing.T) {
	before := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	before.files.deny(path, syscall.ENOSPC)
	before.Open()
	before.Print("from the program before")

	var h taker
	f := newFixture(t, logfile.Settings{Handler: &h})
	f.TakeOver(before.Held())
	f.Print("too early")
	f.Open()
	f.Print("Warning: slow")
	f.PrintAs(77, "a child's")
	f.PrintAt(logfile.Error, "an alert")
	f.PrintAt(logfile.Debug, "not enabled")
	f.Tell("a dump")
	f.Print("refused")
	if !f.Reaches() || f.Path() != "" {
		t.Errorf("reaches %v, path %q", f.Reaches(), f.Path())
	}
	f.Close()
	f.Print("too late")

	all := strings.Join(h.taken, "\n")
	for _, want := range []string{
		"info 12345 [2026-11-23 08:12:44] 12345 from the program before\n",
		"warn 12345 Warning: slow\ninfo 77 a child's\nerror 12345 an alert\ninfo 12345 a dump",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %s", want, all)
		}
	}
	for _, other := range []string{"too early", "too late", "refused", "not enabled"} {
		if strings.Contains(all, other) {
			t.Errorf("%q is in %s", other, all)
		}
	}
	if len(f.files.content) != 0 {
		t.Errorf("files: %v", f.files.content)
	}
}

// blocker is a handler that takes messages only while it flows.
type blocker struct {
	slowReader
	exit string // the message at which it ends its goroutine
}

func (h *blocker) Handle(m logfile.Message) error {
	if m.Text == h.exit {
		runtime.Goexit()
	}
	_, err := h.Write([]byte("[now] 12345 " + m.Text + "\n"))
	return err
}

// A handler that does not return holds up the first caller for a moment and no other
// one. What was queued follows in order; what has no room goes to standard output, and
// so does a message at which the handler ends its goroutine.
func TestAHandlerThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &blocker{slowReader: slowReader{flows: make(chan struct{})}, exit: "exit"}
		f := newFixture(t, logfile.Settings{Handler: h})
		f.Open()
		long := strings.Repeat("x", 1<<20)
		for n, text := range []string{"1", "2", long, "exit", "3"} {
			began := time.Now()
			f.Print(text)
			if took := time.Since(began); (took == 100*time.Millisecond) != (n == 0) || n > 0 && took != 0 {
				t.Errorf("message %d took %v", n, took)
			}
		}
		if out := f.stdout.String(); !strings.Contains(out, "handler has failed. What it does not take goes to standard output: it has not returned for too long\n") ||
			strings.Count(out, " "+long+"\n") != 1 {
			t.Errorf("standard output: %d bytes, %.200s", len(out), out)
		}
		close(h.flows)
		f.Close()
		expect(t, h.messages(), "1", "2", "3")
		if out := f.stdout.String(); !strings.HasSuffix(out, " exit\n") {
			t.Errorf("standard output ends with %q", out[len(out)-100:])
		}
	})
}

// The level of a message is that of its first word; a JSON log names it.
func TestLevels(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path), JSON: true, Level: logfile.Warn})
	f.Open()
	for _, message := range []string{"plain", "Debug: none", "Warning: slow", "Error: broken"} {
		f.Print(message)
	}
	f.PrintAs(77, "Error: a child's")
	f.PrintAt(logfile.Error+2, "an alert")
	f.Tell("a dump")
	content, _ := f.files.read(path)
	var got []string
	for line := range strings.Lines(content) {
		_, rest, _ := strings.Cut(line, `"level":`)
		got = append(got, strings.TrimSpace(rest))
	}
	want := []string{
		`"INFO","msg":"Log Opened: poller on web1","pid":12345}`, `"WARN","msg":"Warning: slow","pid":12345}`,
		`"ERROR","msg":"Error: broken","pid":12345}`, `"ERROR","msg":"Error: a child's","pid":77}`,
		`"ERROR+2","msg":"an alert","pid":12345}`, `"INFO","msg":"a dump","pid":12345}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
	for name, level := range map[string]logfile.Level{"debug": logfile.Debug, "INFO": logfile.Info, "warn": logfile.Warn, "error": logfile.Error} {
		if l, err := logfile.ParseLevel(name); l != level || err != nil {
			t.Errorf("%s is %v, %v", name, l, err)
		}
	}
}
