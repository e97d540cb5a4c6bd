package logfile_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
)

// Nothing touches the file before Open or after Close.
func TestTheFileIsTouchedBetweenOpenAndClose(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	f.Print("before")
	f.Close()
	f.Retry()
	if f.Opened() || f.Path() != "" || f.files.opened > 0 {
		t.Errorf("Opened %t, Path %q, %d files opened", f.Opened(), f.Path(), f.files.opened)
	}
	f.Open()
	f.Open()
	f.Print("between")
	if !f.Opened() || f.Path() != path || f.files.opened != 1 {
		t.Errorf("Opened %t, Path %q, %d files opened", f.Opened(), f.Path(), f.files.opened)
	}
	f.Close()
	f.Print("after")
	if f.Opened() || f.Path() != "" || f.files.open != 0 {
		t.Errorf("Opened %t, Path %q, %d files left open", f.Opened(), f.Path(), f.files.open)
	}
	f.Open()
	f.Print("once more")

	f.holds(path, header, "between", header, "once more")
	f.printed("before", "after")
	if got := strings.Join(f.observed, ", "); got != "before, between, after, once more" {
		t.Errorf("observed: %s", got)
	}
}

// Without a name, or with an empty one, everything goes to standard output.
func TestNoNameMeansStandardOutput(t *testing.T) {
	for _, name := range []logfile.Name{nil, logfile.Fixed("")} {
		f := newFixture(t, logfile.Settings{Name: name, Verbose: true})
		f.Open()
		f.second("once")
		f.printed("once")
		if f.Path() != "" || f.files.opened > 0 {
			t.Errorf("Path %q, %d files opened", f.Path(), f.files.opened)
		}
	}
}

// Verbose shows on standard output what goes to the file, and Silent nothing.
func TestVerboseAndSilent(t *testing.T) {
	for _, c := range []struct {
		settings logfile.Settings
		printed  []string
	}{
		{logfile.Settings{}, []string{"before"}},
		{logfile.Settings{Verbose: true}, []string{"before", "open"}},
		{logfile.Settings{Silent: true}, nil},
		{logfile.Settings{Verbose: true, Silent: true}, nil},
	} {
		c.settings.Name = logfile.Fixed(path)
		f := newFixture(t, c.settings)
		f.Print("before")
		f.Open()
		f.Print("open")
		f.printed(c.printed...)
		f.holds(path, header, "open")
	}
}

// A daily log turns to the next file at midnight, each with its header.
func TestADailyLogRotatesAtMidnight(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Daily("/var/log/poller")})
	f.clock.step(time.Date(2026, 11, 23, 23, 59, 57, 0, time.UTC).Sub(begin))
	f.Open()
	for _, message := range []string{"58", "59", "00", "01"} {
		f.second(message)
	}
	f.holds("/var/log/poller/2026-11-23.log", header, "58", "59")
	f.holds("/var/log/poller/2026-11-24.log", header, "00", "01")
	if f.Path() != "/var/log/poller/2026-11-24.log" || f.files.open != 1 {
		t.Errorf("Path %q, %d files open", f.Path(), f.files.open)
	}
	if got, _ := f.files.read("/var/log/poller/2026-11-24.log"); !strings.HasPrefix(got, "[2026-11-24 00:00:00] 12345 Log Opened") {
		t.Errorf("the new file begins with %q", got)
	}
}

// A name may turn to standard output and back.
func TestANameMayTurnToStandardOutput(t *testing.T) {
	at := func(wall time.Time) string {
		if wall.Second() == 45 {
			return ""
		}
		return path
	}
	f := newFixture(t, logfile.Settings{Name: at})
	f.Open()
	f.second("45")
	if f.Path() != "" || f.files.open != 0 {
		t.Errorf("Path %q, %d files open", f.Path(), f.files.open)
	}
	f.second("46")
	f.printed("45")
	f.holds(path, header, header, "46")
}

// A new name takes effect with the first message of the next second.
func TestConfigureChangesTheName(t *testing.T) {
	f := opened(t)
	f.Configure(logfile.Settings{Name: logfile.Fixed("/var/log/other.log")})
	f.Print("the same second")
	f.second("the next")
	f.holds(path, header, "the same second")
	f.holds("/var/log/other.log", header, "the next")
}

// Resolve makes the path absolute; no path needs none.
func TestResolveMakesThePathAbsolute(t *testing.T) {
	files, name := newScriptedFiles(), "logs/p.log"
	log := logfile.New(logfile.Config{
		Files: files, Stdout: &bytes.Buffer{}, Clock: &handClock{wall: begin},
		Resolve: func(path string) string { return filepath.Join("/home/ann", path) },
	})
	log.Configure(logfile.Settings{Name: func(time.Time) string { return name }})
	log.Open()
	if got := log.Path(); got != "/home/ann/logs/p.log" {
		t.Errorf("Path = %q", got)
	}
	log.Close()
	name = ""
	log.Open()
	if got := log.Path(); got != "" || files.opened != 1 {
		t.Errorf("Path = %q, %d files opened", got, files.opened)
	}
}

// A log file that logrotate renames, that somebody deletes or replaces, is
// noticed with the first message of the next second.
func TestAFileThatIsTakenAwayIsReopened(t *testing.T) {
	name := filepath.Join(t.TempDir(), "poller.log")
	clock := &handClock{Clock: clockwork.Real(), wall: begin}
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Clock: clock, Stdout: &bytes.Buffer{}})
	log.Configure(logfile.Settings{Name: logfile.Fixed(name)})
	log.Open()
	defer log.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	holds := func(name, want string) {
		t.Helper()
		data, err := os.ReadFile(name)
		if got := strings.Join(messages(string(data)), ", "); got != want {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}

	log.Print("1")
	must(os.Rename(name, name+".1"))
	log.Print("2, in the same second")
	clock.step(time.Second)
	log.Print("3")
	holds(name+".1", header+", 1, 2, in the same second")
	holds(name, header+", 3")

	must(os.Remove(name))
	clock.step(time.Second)
	log.Print("4")
	holds(name, header+", 4")

	must(os.Rename(name, name+".2"))
	must(os.WriteFile(name, []byte("another's\n"), 0o600))
	clock.step(time.Second)
	log.Print("5")
	holds(name+".2", header+", 4")
	holds(name, "another's, "+header+", 5")
}

// Left out, clock, files and PID are those of this process.
func TestWhatIsLeftOutIsOfThisProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1"})
	log.Configure(logfile.Settings{Name: logfile.Fixed(name)})
	log.Open()
	log.Close()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	stamp, rest, _ := strings.Cut(string(data), "] ")
	wall, err := time.ParseInLocation("["+time.DateTime, stamp, time.Local)
	if age := time.Since(wall); err != nil || age.Abs() > 2*time.Hour {
		t.Errorf("the time of %q is %v off, %v", data, age, err)
	}
	pid, rest, _ := strings.Cut(rest, " ")
	if want := "Log Opened: poller on web1\n"; rest != want || pid != strconv.Itoa(os.Getpid()) {
		t.Errorf("PID %s and %q, want %d and %q", pid, rest, os.Getpid(), want)
	}
}

// A name that panics is said once, and the log stays where it is.
func TestANameThatPanicsMovesNothing(t *testing.T) {
	broken := false
	f := newFixture(t, logfile.Settings{Name: func(wall time.Time) string {
		if broken {
			panic("no name at " + wall.Format(time.TimeOnly))
		}
		return path
	}})
	f.Open()
	broken = true
	f.second("1")
	f.second("2")
	broken = false
	f.second("3")
	f.holds(path, header, "Warning: the log's name function panicked, the log stays with "+path+": no name at 08:12:45", "1", "2", "3")
	f.printed()
}

// Before there is a file, that is standard output.
func TestANameThatPanicsFromTheBeginning(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: func(time.Time) string { panic("no name") }})
	f.Open()
	f.second("1")
	f.Close()
	f.printed("Warning: the log's name function panicked, the log stays with standard output: no name", "1")
}

// siteOf is a cleaner that keeps what it is told.
type siteOf chan logfile.Site

func (siteOf) Check() error                { return nil }
func (siteOf) Full(int64) bool             { return false }
func (siteOf) SetAside(logfile.Site) error { return nil }

func (s siteOf) Clean(_ context.Context, site logfile.Site) []string {
	s <- site
	return nil
}

// A cleaner can look at a file for the last time while the log does not come back to
// it, and knows which one is written.
func TestACleanerIsAloneWithAFile(t *testing.T) {
	f := newFixture(t, logfile.Settings{})
	sites := make(siteOf, 1)
	f.Configure(logfile.Settings{Name: logfile.Fixed(path), Cleaner: sites})
	f.Open()
	defer f.Close()
	site := <-sites
	wrote := make(chan struct{})
	site.Hold(func(open string) {
		if open != path {
			t.Errorf("%s is open", open)
		}
		go func() {
			f.Print("1")
			close(wrote)
		}()
		select {
		case <-wrote:
			t.Error("the log wrote meanwhile")
		case <-time.After(20 * time.Millisecond):
		}
	})
	<-wrote
}

// panicker is a cleaner that panics in the methods that it names.
type panicker string

func (p panicker) in(method string) {
	if strings.Contains(string(p), method) {
		panic("no " + method)
	}
}

func (panicker) Check() error                  { return nil }
func (p panicker) Full(int64) bool             { p.in("Full"); return true }
func (p panicker) SetAside(logfile.Site) error { p.in("SetAside"); return errors.New("not now") }
func (p panicker) Clean(_ context.Context, s logfile.Site) []string {
	p.in("Clean")
	return []string{"cleaned " + s.Base(begin)}
}

// A cleaner that panics ends nobody.
func TestACleanerThatPanics(t *testing.T) {
	for method, want := range map[string]string{
		"Full":     "Warning: the log file " + path + " is not limited in its size: the log's cleaner panicked: no Full",
		"SetAside": "Warning: the log file " + path + " is not limited in its size: the log's cleaner panicked: no SetAside",
		"Clean":    "Warning: old log files are not cleaned up any more: the log's cleaner panicked: no Clean",
	} {
		t.Run(method, func(t *testing.T) {
			files := newScriptedFiles()
			log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", Files: files})
			log.Configure(logfile.Settings{Name: logfile.Fixed(path), Cleaner: panicker(method), Silent: true})
			log.Open()
			defer log.Close()
			text := func() string {
				text, err := files.read(path)
				require.NoError(t, err)
				return text
			}
			log.Print("first")
			require.Eventually(t, func() bool { return strings.Contains(text(), want) }, time.Minute, time.Millisecond)
			log.Print("last")
			require.Contains(t, text(), "first\n")
			require.Contains(t, text(), "last\n")
			require.Equal(t, 1, strings.Count(text(), want))
		})
	}
}

// A name that panics while old files are looked for names none.
func TestANameThatPanicsForTheCleaner(t *testing.T) {
	f := newFixture(t, logfile.Settings{})
	name := func(wall time.Time) string {
		if wall.Equal(begin) {
			return path
		}
		panic("no name")
	}
	sites := make(siteOf, 1)
	f.Configure(logfile.Settings{Name: name, Cleaner: sites})
	f.Open()
	defer f.Close()
	site := <-sites
	for _, wall := range []time.Time{begin, begin.AddDate(0, 0, -1)} {
		if base := site.Base(wall); base != filepath.Base(path) {
			t.Errorf("%s at %s", base, wall)
		}
	}
}
