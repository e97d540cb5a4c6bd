package daemontest

import (
	"bytes"
	"syscall"
	"time"

	"github.com/evertick/evertick/core"
)

// memFile is a file of the world.
type memFile struct{ data []byte }

// memFiles is the fake core.Files.
type memFiles struct{ i *image }

func (m memFiles) Append(path string) (core.AppendFile, error) {
	if err := m.Check(path); err != nil {
		return nil, err
	}
	if !m.i.alive() {
		return nil, errGone
	}
	w := m.i.world
	path = w.clean(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.files[path]
	if !ok {
		f = &memFile{}
		w.files[path] = f
	}
	return &openFile{m.i, path, f}, nil
}

func (m memFiles) Check(path string) error {
	w := m.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.denied[w.clean(path)]
}

type openFile struct {
	i    *image
	path string
	file *memFile
}

func (f *openFile) Write(b []byte) (int, error) {
	if !f.i.alive() {
		return len(b), nil // an image of the past writes nothing
	}
	w := f.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.diskFull {
		return 0, sysError("write", f.path, syscall.ENOSPC)
	}
	f.file.data = append(f.file.data, b...)
	return len(b), nil
}

func (f *openFile) Close() error { return nil }

func (f *openFile) Moved() bool {
	w := f.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[f.path] != f.file
}

// stream is a standard stream, captured.
type stream struct {
	i  *image
	to *bytes.Buffer
}

func (s stream) Write(b []byte) (int, error) {
	if s.i.alive() {
		s.i.world.mu.Lock()
		defer s.i.world.mu.Unlock()
		s.to.Write(b)
	}
	return len(b), nil
}

// supervisor is the fake core.Supervisor.
type supervisor struct{ i *image }

func (s supervisor) Detected() bool { return s.i.world.scenario.Supervised }

func (s supervisor) Notify(state string) error {
	if s.Detected() && s.i.alive() {
		w := s.i.world
		w.mu.Lock()
		w.notified = append(w.notified, state)
		w.mu.Unlock()
		w.trace.add(entry{kind: entryNotify, p: s.i.process, text: state})
	}
	return nil
}

// defaultWallStart is the wall-clock time at which a scenario starts unless it says
// otherwise.
var defaultWallStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
