// Package logfiletest is the test that every place for log files passes: the
// real disk and the fakes of the harness.
//
//	func TestMyFiles(t *testing.T) {
//		logfiletest.Run(t, logfiletest.Subject{
//			New: func(t *testing.T) logfiletest.Disk { … },
//		})
//	}
package logfiletest

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/evertick/evertick/logfile"
)

// Subject is the implementation of logfile.Files to be tested.
type Subject struct {
	// New returns a disk of its own for each case.
	New func(t *testing.T) Disk

	// In runs each case, as synctest.Test does for files that belong into a
	// bubble. Nil runs it as it is.
	In func(t *testing.T, f func(t *testing.T))
}

// Disk is the files to be tested, and what others can do to them.
type Disk struct {
	// Files is what is tested.
	Files logfile.Files

	// Dir is an empty folder that can be written to; absolute.
	Dir string

	// Read returns a file's content, or an error that matches fs.ErrNotExist.
	Read func(path string) (string, error)

	// Rename renames a file, and replaces one of the new name.
	Rename func(from, to string) error

	// Remove deletes a file.
	Remove func(path string) error

	// Deny makes path unusable for a log.
	Deny func(path string)
}

// Run tests the subject, each promise of logfile.Files and logfile.File in a
// subtest of its own.
func Run(t *testing.T, s Subject) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, d Disk)
	}{
		{"Append creates the file and adds to its end", appends},
		{"Check touches nothing", checkTouchesNothing},
		{"two who append to one file lose nothing", appendTogether},
		{"a file that ends within a line is torn", endsWithinALine},
		{"a file that stays is not moved", staysPut},
		{"a renamed file is moved, and takes what is written all the same", renamedIsMoved},
		{"a deleted file is moved", deletedIsMoved},
		{"a replaced file is moved", replacedIsMoved},
		{"what cannot be used is refused by name", deniedIsRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			test := func(t *testing.T) { c.test(t, s.New(t)) }
			if s.In == nil {
				test(t)
				return
			}
			s.In(t, test)
		})
	}
}

func (d Disk) path(name string) string { return path.Join(d.Dir, name) }

// open appends to the file of that name.
func (d Disk) open(t *testing.T, name string) logfile.File {
	t.Helper()
	f, err := d.Files.Append(d.path(name))
	if err != nil {
		t.Fatalf("Append = %v", err)
	}
	return f
}

func write(t *testing.T, f logfile.File, text string) {
	t.Helper()
	if n, err := f.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("Write(%q) = %d, %v", text, n, err)
	}
}

// holds fails unless the file has that content.
func (d Disk) holds(t *testing.T, name, want string) {
	t.Helper()
	if got, err := d.Read(d.path(name)); got != want || err != nil {
		t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
	}
}

func (d Disk) missing(t *testing.T, name string) {
	t.Helper()
	if _, err := d.Read(d.path(name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", name, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func appends(t *testing.T, d Disk) {
	f := d.open(t, "log")
	d.holds(t, "log", "")
	write(t, f, "one\n")
	d.holds(t, "log", "one\n")
	must(t, f.Close())
	f = d.open(t, "log")
	write(t, f, "two\n")
	must(t, f.Close())
	d.holds(t, "log", "one\ntwo\n")
}

func checkTouchesNothing(t *testing.T, d Disk) {
	must(t, d.Files.Check(d.path("log")))
	d.missing(t, "log")
	f := d.open(t, "log")
	write(t, f, "one\n")
	must(t, f.Close())
	must(t, d.Files.Check(d.path("log")))
	d.holds(t, "log", "one\n")
}

func appendTogether(t *testing.T, d Disk) {
	a, b := d.open(t, "log"), d.open(t, "log")
	for range 3 {
		write(t, a, "a\n")
		write(t, b, "b\n")
	}
	must(t, a.Close())
	must(t, b.Close())
	d.holds(t, "log", "a\nb\na\nb\na\nb\n")
}

func endsWithinALine(t *testing.T, d Disk) {
	f := d.open(t, "log")
	if f.Torn() {
		t.Error("an empty file counts as torn")
	}
	for text, want := range map[string]bool{"one\ntw": true, "o\n": false} {
		must(t, d.Remove(d.path("log")))
		f := d.open(t, "log")
		write(t, f, text)
		if f.Torn() != want {
			t.Errorf("after %q Torn = %t", text, f.Torn())
		}
		must(t, f.Close())
	}
	must(t, f.Close())
}

func staysPut(t *testing.T, d Disk) {
	f := d.open(t, "log")
	other := d.open(t, "other")
	write(t, f, "one\n")
	if f.Moved() || other.Moved() {
		t.Error("a file counts as moved that stayed")
	}
	must(t, d.Remove(d.path("other")))
	if f.Moved() {
		t.Error("a file counts as moved because another one was")
	}
	must(t, f.Close())
	must(t, other.Close())
}

func renamedIsMoved(t *testing.T, d Disk) {
	f := d.open(t, "log")
	write(t, f, "one\n")
	must(t, d.Rename(d.path("log"), d.path("log.1")))
	if f.Deleted() {
		t.Error("a renamed file counts as deleted")
	}
	if !f.Moved() {
		t.Error("a renamed file does not count as moved")
	}
	write(t, f, "two\n")
	must(t, f.Close())
	d.holds(t, "log.1", "one\ntwo\n")
	d.missing(t, "log")
}

func deletedIsMoved(t *testing.T, d Disk) {
	f := d.open(t, "log")
	must(t, d.Remove(d.path("log")))
	if !f.Moved() || !f.Deleted() {
		t.Error("a deleted file does not count as moved and deleted")
	}
	write(t, f, "into the void\n")
	must(t, f.Close())
	d.missing(t, "log")
}

func replacedIsMoved(t *testing.T, d Disk) {
	f := d.open(t, "log")
	must(t, d.Rename(d.path("log"), d.path("log.1")))
	again := d.open(t, "log")
	if !f.Moved() || again.Moved() {
		t.Errorf("Moved = %t for the replaced file, %t for the new one", f.Moved(), again.Moved())
	}
	must(t, f.Close())
	must(t, again.Close())
}

func deniedIsRefused(t *testing.T, d Disk) {
	d.Deny(d.path("log"))
	if err := d.Files.Check(d.path("log")); err == nil || !strings.Contains(err.Error(), "log") {
		t.Errorf("Check = %v, want an error that names the file", err)
	}
	if f, err := d.Files.Append(d.path("log")); err == nil {
		_ = f.Close()
		t.Error("Append succeeds where Check does not")
	}
}
