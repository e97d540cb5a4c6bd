package world

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Files is the disk of a machine: real files in a temporary folder of their
// own, so that inodes, renames and locks cannot lie, and faults on the way of
// log, PID and lock files to it. In the folder, root is the machine's root, and
// dirs has for each generation a link to root, by which its program knows Dir.
// Its methods take paths as they are printed, or real ones; a relative path is in
// Dir. It is safe for concurrent use.
type Files struct {
	base string
	wall func() time.Time

	mu     sync.Mutex // held for instants only
	denied map[string]error
	asked  map[string]bool // denied paths that somebody has met
	room   int64           // bytes; negative: enough
	fault  error           // of whatever would change the disk
	takes  time.Duration   // of each write to a log
	met    Met
	names  map[string]bool // daemons that are installed
}

func newFiles(base string, wall func() time.Time) *Files {
	return &Files{
		base: base, wall: wall, room: -1,
		denied: map[string]error{}, asked: map[string]bool{}, names: map[string]bool{},
	}
}

// remove deletes the temporary folder.
func (f *Files) remove() { removeTemporary(f.base) }

// standard are the folders of a machine on which nothing is installed.
var standard = [...]string{"/etc", "/run", "/tmp", "/var/cache", "/var/lib", "/var/log", "/var/tmp"}

// serviceFolders are the folders in which systemd.exec(5) gives a service one of its own.
var serviceFolders = [...]string{"/etc/", "/run/", "/var/cache/", "/var/lib/", "/var/log/"}

// install makes the folders that a daemon finds when it is installed.
func (f *Files) install(daemon string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[daemon] {
		return
	}
	f.names[daemon] = true
	for _, dir := range standard {
		_ = os.MkdirAll(f.real(dir), 0o755)
	}
	if daemon != "" && daemon == filepath.Base(daemon) {
		for _, dir := range serviceFolders {
			_ = os.MkdirAll(f.real(dir+daemon), 0o755)
		}
	}
}

// link makes the link by which a generation knows Dir.
func (f *Files) link(name string) (dir string, err error) {
	link := f.base + "/dirs/" + name
	return link + Dir, os.Symlink(f.base+"/root", link)
}

// real returns the real path of a file.
func (f *Files) real(name string) string {
	if rest, ok := strings.CutPrefix(name, f.base+"/"); ok {
		link, ok := strings.CutPrefix(rest, "dirs/")
		if !ok {
			return filepath.Clean(name)
		}
		_, rest, _ = strings.Cut(link, "/")
		name = "/" + rest
	}
	if !filepath.IsAbs(name) {
		name = Dir + "/" + name
	}
	return f.base + "/root" + filepath.Clean(name)
}

// Path returns the real path of a file.
func (f *Files) Path(name string) string { return f.real(name) }

// Plain returns a text with its real paths as they are printed.
func (f *Files) Plain(text string) string {
	before, after, found := strings.Cut(text, f.base)
	if !found {
		return text
	}
	var b strings.Builder
	for found {
		b.WriteString(before)
		switch {
		case strings.HasPrefix(after, "/root/"):
			after = after[len("/root"):]
		case strings.HasPrefix(after, "/dirs/"):
			after = strings.TrimLeft(after[len("/dirs/"):], "0123456789.")
		}
		before, after, found = strings.Cut(after, f.base)
	}
	b.WriteString(before)
	return b.String()
}

// Read returns the content of a file, as it is printed; ok is false if it
// cannot be read.
func (f *Files) Read(name string) (content string, ok bool) {
	data, err := os.ReadFile(f.real(name))
	return f.Plain(string(data)), err == nil
}

// Write creates a file or puts another one in its place, and creates its
// folder. A name that ends with a slash is only that.
func (f *Files) Write(name, content string) error {
	path := f.real(name)
	if strings.HasSuffix(name, "/") {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte(content), 0o644); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".new", path), os.Chtimes(path, f.wall(), f.wall()))
}

// Overwrite changes the content of a file that is there, and stays the same one.
func (f *Files) Overwrite(name, content string) error {
	file, err := os.OpenFile(f.real(name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

// Remove deletes a file.
func (f *Files) Remove(name string) error { return os.Remove(f.real(name)) }

// Rename renames a file.
func (f *Files) Rename(from, to string) error { return os.Rename(f.real(from), f.real(to)) }

// Deny makes a path unusable for log, PID and lock files, with the given error;
// nil ends that.
func (f *Files) Deny(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denied[f.real(name)] = err
}

// Asked reports whether anybody has met the denial of a path.
func (f *Files) Asked(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[f.real(name)]
}

// Met returns how often a full or read-only disk was met.
func (f *Files) Met() int64 { return f.met.Load() }

// SetRoom lets writes of log and PID files fail for want of space when they
// have written so many more bytes; a negative number ends that.
func (f *Files) SetRoom(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = bytes
}

// SetTakes lets the disk take d for each write to a log.
func (f *Files) SetTakes(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takes = d
}

// takesNow is how long a write takes at present.
func (f *Files) takesNow() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.met.note(f.takes > 0)
	return f.takes
}

// SetReadOnly lets whatever would change a log or PID file fail, or work again.
func (f *Files) SetReadOnly(readOnly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
	if readOnly {
		f.fault = syscall.EROFS
	}
}

// refusal returns why a real path cannot be opened; nil where nothing is in the way.
func (f *Files) refusal(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path = f.real(path)
	if err := f.denied[path]; err != nil {
		f.asked[path] = true
		return err
	}
	if f.fault != nil {
		f.met.note(true)
		return &os.PathError{Op: "open", Path: path, Err: f.fault}
	}
	return nil
}

// grant returns how many of n bytes can be written, and why not all.
func (f *Files) grant(path string, n int) (granted int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err = f.fault
	switch {
	case err != nil:
		n = 0
	case f.room >= 0 && int64(n) > f.room:
		n, err = int(f.room), syscall.ENOSPC
	}
	if f.room > 0 {
		f.room -= int64(n)
	}
	if err != nil {
		f.met.note(true)
		err = &os.PathError{Op: "write", Path: path, Err: err}
	}
	return n, err
}
