package world

import (
	"os"
	"path"
	"sync"
	"syscall"

	"github.com/evertick/evertick/logfile"
)

// Dir is the folder in which every command of a scenario is typed; relative
// paths mean it.
const Dir = "/world"

func clean(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(Dir, name)
	}
	return path.Clean(name)
}

// Files is the file system of a machine. A relative path is in Dir. It is safe
// for concurrent use.
type Files struct {
	mu     sync.Mutex // held for instants only
	files  map[string]*file
	denied map[string]error
	full   bool
}

// file is what a path names: a rename keeps it, a replacement does not.
type file struct{ data []byte }

func newFiles() *Files { return &Files{files: map[string]*file{}, denied: map[string]error{}} }

// Read returns the content of a file; ok is false if there is none.
func (f *Files) Read(name string) (content string, ok bool) {
	content, found := f.look(clean(name))
	return content, found != nil
}

// Write creates or replaces a file.
func (f *Files) Write(name, content string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[clean(name)] = &file{[]byte(content)}
}

// Remove deletes a file, if there is one.
func (f *Files) Remove(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.files, clean(name))
}

// Rename renames a file, if there is one.
func (f *Files) Rename(from, to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found, ok := f.files[clean(from)]; ok {
		f.files[clean(to)] = found
		delete(f.files, clean(from))
	}
}

// Deny makes a path unusable for log and PID files, with the given error.
func (f *Files) Deny(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denied[clean(name)] = err
}

// SetFull lets writes fail for want of space, or work again.
func (f *Files) SetFull(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

// The methods that follow take clean paths.

// look returns the file that a path names, and what it holds; nil for none.
func (f *Files) look(path string) (content string, found *file) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found = f.files[path]; found != nil {
		content = string(found.data)
	}
	return content, found
}

// denies is the error of a path that is unusable.
func (f *Files) denies(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.denied[path]
}

// replace writes a new file to a path. It fails when the disk is full.
func (f *Files) replace(path, content string) (*file, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return nil, syscall.ENOSPC
	}
	f.files[path] = &file{[]byte(content)}
	return f.files[path], nil
}

// removeIf deletes a path that names this very file.
func (f *Files) removeIf(path string, is *file) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[path] == is {
		delete(f.files, path)
	}
}

// open returns the file that a path names, and creates it if need be.
func (f *Files) open(path string) *file {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, ok := f.files[path]
	if !ok {
		found = &file{}
		f.files[path] = found
	}
	return found
}

// logFiles is the file system as a generation's log reaches it.
type logFiles struct {
	g     *Generation
	files *Files
}

var _ logfile.Files = logFiles{}

func (l logFiles) Append(path string) (logfile.File, error) {
	if err := l.Check(path); err != nil {
		return nil, err
	}
	if !l.g.alive() {
		return nil, errGone
	}
	path = clean(path)
	return &logFile{l, path, l.files.open(path)}, nil
}

func (l logFiles) Check(path string) error { return l.files.denies(clean(path)) }

// logFile is a file open for appending.
type logFile struct {
	in   logFiles
	path string
	file *file
}

func (l *logFile) Write(b []byte) (int, error) {
	if !l.in.g.alive() {
		return len(b), nil // without an effect
	}
	f := l.in.files
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return 0, &os.PathError{Op: "write", Path: l.path, Err: syscall.ENOSPC}
	}
	l.file.data = append(l.file.data, b...)
	return len(b), nil
}

func (l *logFile) Close() error { return nil }

func (l *logFile) Moved() bool {
	_, now := l.in.files.look(l.path)
	return now != l.file
}
