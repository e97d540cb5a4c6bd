package logfile_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/logfile"
)

// Each line of a message has the prefix, and control characters cannot forge a
// line or colour a terminal.
func TestNoMessageForgesALine(t *testing.T) {
	f := opened(t)
	f.Print("first\nsecond\n")
	f.Printf("red \x1b[31m, back \r[2026-11-23 08:12:44] 1 forged, bell \a, nul \x00, bad \xff, right-to-left \u202e, fine é €\t.")
	f.Printf("%s", "100% plain")
	f.Print("")
	f.Print("blank\n\n")

	const p = "[2026-11-23 08:12:44] 12345 "
	want := p + "Log Opened: poller on web1\n" +
		p + "first\n" +
		p + "second\n" +
		p + `red \x1b[31m, back \r[2026-11-23 08:12:44] 1 forged, bell \a, nul \x00, bad \xff, right-to-left \u202e, fine é €` + "\t.\n" +
		p + "100% plain\n" +
		p + "\n" +
		p + "blank\n" +
		p + "\n"
	if got, _ := f.files.read(path); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The time of a line is the wall clock's, whatever step it makes.
func TestLinesHaveTheWallClocksTime(t *testing.T) {
	f := opened(t)
	f.clock.step(999 * time.Millisecond)
	f.Print("in the same second")
	f.clock.step(time.Millisecond)
	f.Print("in the next")
	f.clock.step(-time.Hour)
	f.Print("an hour back")

	want := "[2026-11-23 08:12:44] 12345 Log Opened: poller on web1\n" +
		"[2026-11-23 08:12:44] 12345 in the same second\n" +
		"[2026-11-23 08:12:45] 12345 in the next\n" +
		"[2026-11-23 07:12:45] 12345 an hour back\n"
	if got, _ := f.files.read(path); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Format shows a message as it would stand in the log, and writes nothing.
func TestFormatWritesNothing(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	const p = "[2026-11-23 08:12:44] 12345 "
	if got, want := f.Format("two\nlines\n"), p+"two\n"+p+"lines"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f.Configure(logfile.Settings{JSON: true})
	if got, want := f.Format("one"), `{"time":"2026-11-23T08:12:44Z","level":"INFO","msg":"one","pid":12345}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f.printed()
	if len(f.observed) > 0 || f.files.opened > 0 {
		t.Errorf("observed %q, %d files opened", f.observed, f.files.opened)
	}
}

// Format does not put off the look at the file that each second begins with.
func TestFormatLeavesTheNextLineToLookAtTheFile(t *testing.T) {
	f := opened(t)
	if err := f.files.rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	f.clock.step(time.Second)
	f.Format("shown")
	f.Print("written")
	f.holds(path, header, "written")
}

// As JSON each message is one object.
func TestAJSONLogIsObjects(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path), JSON: true})
	f.Open()
	f.clock.step(time.Millisecond)
	f.Print("two\nlines \x1b[31m")

	content, _ := f.files.read(path)
	var got []map[string]any
	for line := range strings.Lines(content) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, object)
	}
	if len(got) != 2 || got[0]["msg"] != header || got[0]["time"] != "2026-11-23T08:12:44Z" ||
		got[1]["msg"] != "two\nlines \x1b[31m" || got[1]["time"] != "2026-11-23T08:12:44.001Z" ||
		got[1]["level"] != "INFO" || got[1]["pid"] != 12345.0 {
		t.Errorf("objects: %v", got)
	}
	if strings.Contains(content, "\x1b") {
		t.Error("a control character is in the file")
	}
}
