package logfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/internal/nobody"
	"github.com/evertick/evertick/logfile"
)

const (
	reopened = "The log file can be opened again. What was logged meanwhile is in the file before it."
	stays    = " cannot be opened, the log stays with the file before it until it can: open "
)

// A file that cannot be opened in the place of the one that is open loses no line:
// the log stays with that, and says so there. What was deleted is read by nobody,
// so lines for it are held.
func TestTheLogStaysWithItsFileUntilTheNextOneStands(t *testing.T) {
	const next = "/var/log/poller/2026-11-24.log"
	for _, c := range []struct {
		name     string
		file     logfile.Name
		old, now string // where the lines are
		take     func(f *fixture) error
		inOld    []string
		inNow    []string
	}{
		{
			"the next day", logfile.Daily("/var/log/poller"), "/var/log/poller/2026-11-23.log", next,
			func(f *fixture) error {
				f.clock.step(24 * time.Hour)
				return nil
			},
			[]string{header, "1", "Warning: the log file " + next + stays + next + ": permission denied", "2", "3"},
			[]string{header, reopened, "4"},
		},
		{
			"renamed", logfile.Fixed(path), path + ".1", path,
			func(f *fixture) error { return f.files.rename(path, path+".1") },
			[]string{header, "1", "Warning: the log file " + path + stays + path + ": permission denied", "2", "3"},
			[]string{header, reopened, "4"},
		},
		{
			"deleted", logfile.Fixed(path), "", path,
			func(f *fixture) error { return f.files.remove(path) },
			nil,
			[]string{header, strings.Replace(denied, "the log goes to standard output", "up to 1 MiB of lines is held", 1), "2", "3", again, "4"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, logfile.Settings{Name: c.file, Silent: true})
			f.Open()
			f.Print("1")
			f.files.deny(c.now, syscall.EACCES)
			if err := c.take(f); err != nil {
				t.Fatal(err)
			}
			f.second("2")
			f.second("3")
			if !f.Reaches() == (c.old != "") || f.Path() != c.now {
				t.Errorf("Reaches %t, Path %q", f.Reaches(), f.Path())
			}
			f.files.deny(c.now, nil)
			f.second("4")
			if c.old != "" {
				f.holds(c.old, c.inOld...)
			}
			f.holds(c.now, c.inNow...)
			if f.files.open != 1 {
				t.Errorf("%d files are open", f.files.open)
			}
		})
	}
}

// A disk that is full while the log stays with its file holds the lines, for the
// next file if that comes first.
func TestAFullDiskWhileTheLogStays(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	f.Open()
	f.files.deny(path, syscall.EACCES)
	if err := f.files.rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	f.second("1")
	f.files.fill(0)
	f.second("2")
	f.files.deny(path, nil)
	f.files.clean()
	f.second("3")
	f.holds(path, header, full, "2", reopened, again, "3")
}

// The end looks once more whether the file can be opened.
func TestCloseLooksForTheNextFile(t *testing.T) {
	f := opened(t)
	f.files.deny(path, syscall.EACCES)
	if err := f.files.rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	f.second("1")
	f.files.deny(path, nil)
	f.Close()
	f.holds(path, header, reopened)
	f.Open()
	f.holds(path, header, reopened, header)
}

// A line that a dead process has left is ended before the first one.
func TestALineOfADeadProcessIsEnded(t *testing.T) {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	dead, err := f.files.Append(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dead.Write([]byte("whole\ntor")); err != nil {
		t.Fatal(err)
	}
	f.Open()
	f.holds(path, "whole", "tor", header)
}

// What is held goes to the program that follows, with what did not fit.
func TestWhatIsHeldIsHandedOver(t *testing.T) {
	f := opened(t)
	f.files.fill(0)
	f.second("1")
	f.second(strings.Repeat("x", 2<<20))
	f.Close()
	held := f.Held()

	next := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	next.files = f.files
	next.Log = logfile.New(logfile.Config{
		Daemon: "poller", Host: "web1", PID: 12345, Clock: next.clock, Files: f.files, Stdout: next.stdout,
	})
	next.Configure(logfile.Settings{Name: logfile.Fixed(path)})
	next.TakeOver(logfile.Held{})
	if next.Held().Lost > 0 {
		t.Error("nothing was taken over, and it counts")
	}
	next.TakeOver(held)
	next.Open()
	next.Print("2")
	next.files.clean()
	next.second("3")
	next.holds(path, header, full, "1", "2", again+" 1 lines went to standard output only.", "3")
}

// On the real file system, as a user who may not write to the folder any more.
func TestAFolderThatIsClosedDuringARotation(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "poller.log")
	f := newFixture(t, logfile.Settings{})
	log := logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Clock: f.clock})
	log.Configure(logfile.Settings{Name: logfile.Fixed(name), Silent: true})
	nobody.Run(t, func() {
		log.Open()
		if err := os.Rename(name, name+".1"); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	nobody.Run(t, func() {
		f.clock.step(time.Second)
		log.Print("kept")
		log.Close()
	})
	content, err := os.ReadFile(name + ".1")
	if err != nil || !strings.Contains(string(content), "the log stays with the file before it") || !strings.HasSuffix(string(content), " kept\n") {
		t.Errorf("%v, %q", err, content)
	}
}
