package logfile_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/evertick/evertick/logfile"
)

// The paths of standard streams are taken as such, and Silent closes both.
func TestStandardStreamsAsLogFile(t *testing.T) {
	for _, c := range []struct {
		path           string
		silent         bool
		said           string // Path
		stdout, stderr int    // lines
		reaches        bool
	}{
		{logfile.Stdout, false, "", 1, 0, true},
		{logfile.Stdout, true, "", 0, 0, false},
		{logfile.Stderr, false, logfile.Stderr, 0, 1, true},
		{logfile.Stderr, true, "", 0, 0, false},
		{logfile.Null, false, logfile.Null, 0, 0, false},
	} {
		f := newFixture(t, logfile.Settings{})
		var stderr bytes.Buffer
		f.Log = logfile.New(logfile.Config{
			Daemon: "poller", Host: "web1", PID: 12345, Clock: f.clock, Files: f.files, Stdout: f.stdout, Stderr: &stderr,
			Resolve: func(path string) string { return "/resolved" + path },
		})
		f.Configure(logfile.Settings{Name: logfile.Fixed(c.path), Silent: c.silent, Verbose: true})
		f.Open()
		f.Print("1")
		if f.Path() != c.said || f.Reaches() != c.reaches {
			t.Errorf("%s, silent %t: Path %q, Reaches %t", c.path, c.silent, f.Path(), f.Reaches())
		}
		f.Close()
		if n, m := len(messages(f.stdout.String())), len(messages(stderr.String())); n != c.stdout || m != c.stderr || f.files.opened > 0 {
			t.Errorf("%s, silent %t: %d and %d lines, %d files", c.path, c.silent, n, m, f.files.opened)
		}
	}
}

// A standard output on /dev/null is none: what is not in the file is lost.
func TestAStandardOutputThatLeadsNowhere(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f := newFixture(t, logfile.Settings{})
	f.Log = logfile.New(logfile.Config{Daemon: "poller", Host: "web1", PID: 12345, Clock: f.clock, Files: f.files, Stdout: null})
	f.Configure(logfile.Settings{Name: logfile.Fixed(path)})
	f.Open()
	f.files.fill(0)
	f.second("1")
	f.second(string(bytes.Repeat([]byte("x"), 2<<20)))
	f.files.clean()
	f.second("2")
	f.holds(path, header, held, "1", again+" 1 lines are lost.", "2")
}

// A symbolic link to a standard stream is taken for that stream as long as it is
// there, also at the end of several; not one that anybody could have put there.
func TestALinkToAStandardStreamAsLogFile(t *testing.T) {
	for _, c := range []struct {
		target, said   string
		stdout, stderr int
	}{
		{logfile.Stdout, "", 2, 0}, {logfile.Stderr, logfile.Stderr, 0, 2}, {logfile.Null, logfile.Null, 0, 0}, {"further", "", 2, 0},
	} {
		t.Run(strings.ReplaceAll(c.target, "/", ""), func(t *testing.T) {
			dir := t.TempDir()
			at := dir + "/app.log"
			f := newFixture(t, logfile.Settings{})
			var stderr bytes.Buffer
			f.Log = logfile.New(logfile.Config{
				Daemon: "poller", Host: "web1", PID: 12345, Clock: f.clock, Files: logfile.Disk(), Stdout: f.stdout, Stderr: &stderr,
			})
			f.Configure(logfile.Settings{Name: logfile.Fixed(at)})
			put := func(change error) {
				if change != nil {
					t.Fatal(change)
				}
				f.clock.step(time.Second)
			}
			put(os.Symlink(logfile.Stdout, dir+"/further"))
			put(os.Symlink(c.target, at))
			if err := logfile.Disk().Check(at); err != nil {
				t.Error(err)
			}
			f.Open()
			f.Print("1")
			if f.Path() != c.said || f.Reaches() != (c.target != logfile.Null) {
				t.Errorf("Path %q, Reaches %t", f.Path(), f.Reaches())
			}
			put(os.Remove(at))
			f.Print("2")
			if f.Path() != at || !f.Reaches() {
				t.Errorf("Path %q, Reaches %t", f.Path(), f.Reaches())
			}
			text, err := os.ReadFile(at)
			if err != nil || strings.Join(messages(string(text)), ";") != header+";2" {
				t.Errorf("the file holds %q, %v", text, err)
			}
			put(os.Remove(at))
			put(os.Symlink(c.target, at))
			f.Print("3")
			f.Close()
			if n, m := len(messages(f.stdout.String())), len(messages(stderr.String())); n != c.stdout || m != c.stderr {
				t.Errorf("%d and %d lines", n, m)
			}
		})
	}
}

func TestALinkToAStandardStreamInASharedFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(logfile.Null, dir+"/app.log"); err != nil {
		t.Fatal(err)
	}
	_, err := logfile.Disk().Append(dir + "/app.log")
	for _, err := range []error{err, logfile.Disk().Check(dir + "/app.log")} {
		if err == nil || !strings.Contains(err.Error(), "a folder that others may write to") {
			t.Error(err)
		}
	}
}
