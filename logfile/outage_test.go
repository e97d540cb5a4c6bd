package logfile_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/logfile"
)

// While the disk is full the log goes to standard output, which is said once;
// no line is lost once it can be written again.
func TestAFullDiskLosesNoLine(t *testing.T) {
	for _, c := range []struct {
		settings logfile.Settings
		said     string
		printed  []string
	}{
		{logfile.Settings{}, full, []string{full, "2", "3"}},
		{logfile.Settings{Verbose: true}, full, []string{"1", "2", full, "3", "4"}},
		{logfile.Settings{Silent: true}, held, nil},
	} {
		c.settings.Name = logfile.Fixed(path)
		f := newFixture(t, c.settings)
		f.Open()
		f.second("1")
		f.files.fill(0)
		f.second("2")
		f.second("3")
		if f.Path() != path {
			t.Errorf("Path = %q", f.Path())
		}
		f.files.clean()
		f.second("4")
		f.holds(path, header, "1", c.said, "2", "3", again, "4")
		f.printed(c.printed...)
		if f.files.opened != 1 {
			t.Errorf("the file was opened %d times", f.files.opened)
		}
	}
}

// A line that lacks nothing but its newline is not written twice.
func TestALineThatLacksItsNewlineIsThereOnce(t *testing.T) {
	for _, short := range []bool{false, true} {
		f := opened(t)
		f.files.short = short
		f.files.fill(len("[2026-11-23 08:12:45] 12345 whole"))
		f.second("whole")
		f.files.clean()
		f.second("next")
		f.holds(path, header, "whole", "next")

		f = opened(t)
		f.files.fill(len("[2026-11-23 08:12:45] 12345 whole"))
		f.second("whole")
		f.second("2")
		f.files.clean()
		f.second("3")
		f.holds(path, header, "whole", full, "2", again, "3")
	}
}

// A line that was cut off is ended, and written again in full.
func TestATornLineIsWrittenAgain(t *testing.T) {
	for _, short := range []bool{false, true} {
		t.Run(fmt.Sprintf("short write without an error %t", short), func(t *testing.T) {
			f := opened(t)
			f.files.short = short
			f.files.fill(len("[2026-11-23 08:12:45] 12345 to"))
			f.second("torn in two")
			f.files.clean()
			f.second("whole")
			said := full
			if short {
				said = strings.Replace(said, "write "+path+": no space left on device", "short write", 1)
			}
			f.holds(path, header, "to", said, "torn in two", again, "whole")
		})
	}
}

// A line that was cut off is ended before the next one, however long that takes,
// and in the file that it is in.
func TestATornLineStaysOnALineOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		name    string
		between func(f *fixture)
		old     []string
		now     []string
	}{
		{
			"the disk stays full",
			func(f *fixture) { f.files.fill(0) },
			nil,
			[]string{header, "to", full, "torn in two", "waits", again, "whole"},
		},
		{
			"the file is taken away",
			func(f *fixture) {
				if err := f.files.rename(path, path+".1"); err != nil {
					f.t.Error(err)
				}
				f.files.clean()
			},
			[]string{header, "to"},
			[]string{header, full, "torn in two", again, "waits", "whole"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := opened(t)
			f.files.fill(len("[2026-11-23 08:12:45] 12345 to"))
			f.second("torn in two")
			c.between(f)
			f.second("waits")
			f.files.clean()
			f.second("whole")
			f.holds(path, c.now...)
			if c.old != nil {
				f.holds(path+".1", c.old...)
			}
		})
	}
}

// A disk with little space takes the held lines bit by bit, each in full and
// in their order.
func TestHeldLinesFollowBitByBit(t *testing.T) {
	f := opened(t)
	f.files.fill(0)
	for n := range 10 {
		f.second(fmt.Sprint("line ", n))
	}
	for range 20 {
		f.files.fill(150)
		f.clock.step(time.Second)
		f.Retry()
	}
	f.files.clean()
	f.second("whole")

	content, _ := f.files.read(path)
	last := 0
	for n := range 10 {
		at := strings.Index(content, fmt.Sprintf(" 12345 line %d\n", n))
		if at <= last {
			t.Errorf("line %d is missing or out of order in\n%s", n, content)
		}
		last = at
	}
	if !strings.HasSuffix(content, " whole\n") || strings.Count(content, again) == 0 {
		t.Errorf("the file holds\n%s", content)
	}
	for line := range strings.Lines(content) {
		if strings.Count(line, "[") > 1 {
			t.Errorf("two lines in one: %q", line)
		}
	}
}

// The file is tried again with the first message of each second only.
func TestTheFileIsTriedOnceASecond(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	f.files.deny(path, syscall.EACCES)
	f.Open()
	f.Print("1")
	f.Print("2")
	if f.files.opened != 1 {
		t.Errorf("the file was opened %d times in a second", f.files.opened)
	}
	f.second("3")
	f.Print("4")
	if f.files.opened != 2 {
		t.Errorf("the file was opened %d times in two seconds", f.files.opened)
	}
	f.files.deny(path, nil)
	f.Print("5")
	f.second("6")
	f.printed(denied, "1", "2", "3", "4", "5")
	f.holds(path, header, denied, "1", "2", "3", "4", "5", again, "6")
}

// Retry does not wait for the next second or message.
func TestRetryWritesTheHeldLines(t *testing.T) {
	f := opened(t)
	f.files.fill(0)
	f.Print("1")
	f.Retry()
	f.holds(path, header)
	f.files.clean()
	f.Retry()
	f.holds(path, header, full, "1", again)
	f.Retry()
	f.holds(path, header, full, "1", again)
}

// Close is the last chance of the held lines; a later Open another one.
func TestCloseAndOpenWriteTheHeldLines(t *testing.T) {
	f := opened(t)
	f.files.fill(0)
	f.Print("1")
	f.files.clean()
	f.Close()
	f.holds(path, header, full, "1", again)

	f.Open()
	f.files.fill(0)
	f.Print("2")
	f.Close()
	f.files.clean()
	f.Open()
	f.holds(path, header, full, "1", again, header, header, full, "2", again)
}

// A disk that stays full to the end leaves everything on standard output.
func TestADiskThatStaysFullHarmsNothing(t *testing.T) {
	f := opened(t)
	f.files.fill(0)
	f.second("1")
	f.second("2")
	f.Close()
	f.Print("3")
	f.files.clean()
	f.Close() // closed is closed: only Open may touch the file again
	f.Retry()
	f.holds(path, header)
	f.printed(full, "1", "2", "3")
	if f.files.open != 0 {
		t.Errorf("%d files left open", f.files.open)
	}
}

// Lines that are held at midnight go to the new day's file.
func TestHeldLinesFollowTheName(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Daily("/log")})
	f.Open()
	f.files.fill(0)
	f.second("1")
	f.clock.step(24 * time.Hour)
	f.files.clean()
	f.second("2")
	f.holds("/log/2026-11-23.log", header)
	f.holds("/log/2026-11-24.log", header, strings.ReplaceAll(full, path, "/log/2026-11-23.log"), "1", again, "2")
}

// What is held has a bound, and what went beyond it is counted. It is on
// standard output all the same.
func TestLinesBeyondWhatIsHeldAreCounted(t *testing.T) {
	f := opened(t)
	f.files.fill(0)
	long := strings.Repeat("x", 200_000)
	for n := range 8 {
		f.second(fmt.Sprint(n, " ", long))
	}
	f.second("a short one fits in")
	f.files.clean()
	f.second("after")
	want := []string{header, full}
	for n := range 5 {
		want = append(want, fmt.Sprint(n, " ", long))
	}
	want = append(want, "a short one fits in", again+" 3 lines went to standard output only.", "after")
	f.holds(path, want...)
	if !strings.Contains(f.stdout.String(), "12345 7 x") {
		t.Error("the last long line is not on standard output")
	}

	// The count begins again.
	f.files.fill(0)
	f.second("1")
	f.files.clean()
	f.second("2")
	f.holds(path, append(want, full, "1", again, "2")...)
}

// A message of several lines counts as such, and where there is no standard
// output, what did not fit is lost.
func TestLinesBeyondWhatIsHeldAreLostInSilence(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path), Silent: true})
	f.Open()
	f.files.fill(0)
	f.Print("short")
	f.Print(strings.Repeat(strings.Repeat("x", 300_000)+"\n", 4))
	f.files.clean()
	f.second("after")
	f.holds(path, header, held, "short", again+" 4 lines are lost.", "after")
	f.printed()
}

// A standard output that fails ends nothing, and is said once, in the file.
func TestABrokenStandardOutputIsSaidOnce(t *testing.T) {
	files := newScriptedFiles()
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Files: files, Stdout: brokenPipe{}})
	log.Configure(logfile.Settings{Name: logfile.Fixed(path), Verbose: true})
	log.Print("before")
	log.Open()
	log.Print("1")
	log.Print("2")
	content, _ := files.read(path)
	want := []string{header, "Warning: standard output cannot be written: broken pipe", "1", "2"}
	if got := messages(content); !slices.Equal(got, want) {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// What is logged reaches a file that can be written, or a standard output that
// leads somewhere.
func TestReaches(t *testing.T) {
	file := logfile.Fixed(path)
	for _, c := range []struct {
		settings                  logfile.Settings
		closed, inOrder, whenFull bool
	}{
		{logfile.Settings{}, true, true, true},
		{logfile.Settings{Silent: true}, false, false, false},
		{logfile.Settings{Name: file}, true, true, true},
		{logfile.Settings{Name: file, Silent: true}, false, true, false},
	} {
		f := newFixture(t, c.settings)
		if got := f.Reaches(); got != c.closed {
			t.Errorf("%+v, before Open: got %t", c.settings, got)
		}
		f.Open()
		f.second("1")
		if got := f.Reaches(); got != c.inOrder {
			t.Errorf("%+v: got %t", c.settings, got)
		}
		f.files.fill(0)
		f.second("2")
		if got := f.Reaches(); got != c.whenFull {
			t.Errorf("%+v, when the disk is full: got %t", c.settings, got)
		}
	}
}
