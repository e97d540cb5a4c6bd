package logfile_test

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evertick/evertick/clockwork"
	"github.com/evertick/evertick/logfile"
)

// path is the log file of most tests.
const path = "/var/log/poller.log"

// begin is the wall clock's time at the start of each test.
var begin = time.Date(2026, 11, 23, 8, 12, 44, 0, time.UTC)

// handClock is moved by the test.
type handClock struct {
	clockwork.Clock
	mu   sync.Mutex
	wall time.Time
}

func (c *handClock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

// step moves the clock, forwards or back.
func (c *handClock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(d)
}

// scriptedFiles are files in memory that fail when the test says so.
type scriptedFiles struct {
	mu      sync.Mutex
	content map[string]*bytes.Buffer
	denied  map[string]error
	free    int  // bytes that still fit when limited
	limited bool // the disk has an end
	short   bool // a write that does not fit is cut off without an error
	opened  int  // calls of Append
	open    int  // files that were not closed
}

func newScriptedFiles() *scriptedFiles {
	return &scriptedFiles{content: map[string]*bytes.Buffer{}, denied: map[string]error{}}
}

func (d *scriptedFiles) Append(path string) (logfile.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	if err := d.denied[path]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if d.content[path] == nil {
		d.content[path] = &bytes.Buffer{}
	}
	d.open++
	return &scriptedFile{disk: d, path: path, content: d.content[path]}, nil
}

func (d *scriptedFiles) Check(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.denied[path]; err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

func (d *scriptedFiles) read(path string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.content[path] == nil {
		return "", fs.ErrNotExist
	}
	return d.content[path].String(), nil
}

func (d *scriptedFiles) rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.content[to] = d.content[from]
	delete(d.content, from)
	return nil
}

func (d *scriptedFiles) remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.content, path)
	return nil
}

// deny makes Append fail with err; nil allows it again.
func (d *scriptedFiles) deny(path string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.denied[path] = err
}

// fill leaves that many bytes on the disk.
func (d *scriptedFiles) fill(free int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free, d.limited = free, true
}

// clean takes every limit away.
func (d *scriptedFiles) clean() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limited = false
}

type scriptedFile struct {
	disk    *scriptedFiles
	path    string
	content *bytes.Buffer
}

func (f *scriptedFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := len(p)
	if f.disk.limited {
		n = min(n, f.disk.free)
		f.disk.free -= n
	}
	f.content.Write(p[:n])
	if n < len(p) && !f.disk.short {
		return n, &fs.PathError{Op: "write", Path: f.path, Err: syscall.ENOSPC}
	}
	return n, nil
}

func (f *scriptedFile) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.open--
	return nil
}

func (f *scriptedFile) Path() string { return f.path }

func (f *scriptedFile) Size() int64 {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(f.content.Len())
}

func (f *scriptedFile) Torn() bool {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.content.Len() > 0 && !bytes.HasSuffix(f.content.Bytes(), []byte("\n"))
}

func (f *scriptedFile) Deleted() bool {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	for _, content := range f.disk.content {
		if content == f.content {
			return false
		}
	}
	return true
}

func (f *scriptedFile) Moved() bool {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.disk.content[f.path] != f.content
}

// fixture is a log with everything around it in the hands of the test.
type fixture struct {
	*logfile.Log
	t        *testing.T
	clock    *handClock
	files    *scriptedFiles
	stdout   *bytes.Buffer
	observed []string
}

// newFixture returns a log that is not open yet.
func newFixture(t *testing.T, s logfile.Settings) *fixture {
	f := &fixture{
		t:      t,
		clock:  &handClock{Clock: clockwork.Real(), wall: begin},
		files:  newScriptedFiles(),
		stdout: &bytes.Buffer{},
	}
	f.Log = logfile.New(logfile.Config{
		Daemon: "poller", Host: "web1", PID: 12345,
		Clock: f.clock, Files: f.files, Stdout: f.stdout,
		Observe: func(_ int, message string) { f.observed = append(f.observed, message) },
	})
	f.Configure(s)
	return f
}

// opened returns a log that is open on path.
func opened(t *testing.T) *fixture {
	f := newFixture(t, logfile.Settings{Name: logfile.Fixed(path)})
	f.Open()
	return f
}

// second prints a message a second after the last one.
func (f *fixture) second(message string) {
	f.clock.step(time.Second)
	f.Print(message)
}

// holds fails unless the file has exactly these lines, without their prefixes.
func (f *fixture) holds(path string, want ...string) {
	f.t.Helper()
	content, err := f.files.read(path)
	if got := messages(content); err != nil || !slices.Equal(got, want) {
		f.t.Errorf("%s holds\n\t%s\nwant\n\t%s\n(%v)", path, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"), err)
	}
}

// printed fails unless standard output has exactly these lines, without their
// prefixes.
func (f *fixture) printed(want ...string) {
	f.t.Helper()
	if got := messages(f.stdout.String()); !slices.Equal(got, want) {
		f.t.Errorf("standard output holds\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// messages returns the lines of a log without their prefixes.
func messages(content string) (found []string) {
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if _, message, ok := strings.Cut(line, "] 12345 "); ok {
			line = message
		}
		found = append(found, line)
	}
	return found
}

const (
	header = "Log Opened: poller on web1"
	again  = "The log file can be written again."
	full   = "Warning: the log file " + path + " cannot be written, the log goes to standard output until it can: write " + path + ": no space left on device"
	held   = "Warning: the log file " + path + " cannot be written, up to 1 MiB of lines is held until it can: write " + path + ": no space left on device"
	denied = "Warning: the log file " + path + " cannot be written, the log goes to standard output until it can: open " + path + ": permission denied"
)
