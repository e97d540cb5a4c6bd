package logfile_test

import (
	"bytes"
	"os"
	"testing"

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
