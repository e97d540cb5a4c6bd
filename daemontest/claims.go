package daemontest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/evertick/evertick/forker"
)

// claim is a PID file and the living process that has claimed it.
type claim struct {
	p    *process
	file *memFile
}

// ClaimPID is part of forker.Processes, as are the three that follow.
func (i *image) ClaimPID(path string) (forker.PIDFile, error) {
	if !i.awake() {
		return nil, errGone
	}
	w := i.world
	path = w.clean(path)
	if err := i.CheckPID(path); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.claims[path]; c != nil && w.files[path] == c.file {
		return nil, &forker.ClaimedError{Path: path, PID: c.p.pid}
	}
	if w.diskFull {
		return nil, fmt.Errorf("forker: write PID file %s: %w", path, syscall.ENOSPC)
	}
	f := &pidFile{i: i, path: path}
	f.write()
	return f, nil
}

// AdoptPID takes the claim up from the image before.
func (i *image) AdoptPID(path, _ string) (forker.PIDFile, error) {
	w := i.world
	path = w.clean(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.claims[path]; c == nil || c.p != i.process {
		return nil, fmt.Errorf("forker: PID file %s: the claim on it was not passed on", path)
	}
	return &pidFile{i: i, path: path}, nil
}

// CheckPID knows the paths that the scenario denies.
func (i *image) CheckPID(path string) error {
	w := i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.denied[w.clean(path)]; err != nil {
		return fmt.Errorf("forker: PID file: %w", err)
	}
	return nil
}

// Find knows who has claimed a PID file.
func (i *image) Find(path string) (forker.Process, error) {
	w := i.world
	path = w.clean(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.files[path]
	if !ok {
		return nil, fmt.Errorf("forker: PID file %s: %w: there is no such file", path, forker.ErrNotRunning)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(f.data)))
	if err != nil || pid <= 0 {
		return nil, fmt.Errorf("forker: PID file %s holds %q, which is no process number; nothing was signalled", path, f.data)
	}
	c := w.claims[path]
	if c == nil || c.file != f || c.p.pid != pid {
		return nil, fmt.Errorf("forker: PID file %s: %w: it names PID %d, which has not claimed it; nothing was signalled", path, forker.ErrNotRunning, pid)
	}
	return remote{c.p, i}, nil
}

func (w *World) endClaims(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, c := range w.claims {
		if c.p == p {
			delete(w.claims, path)
		}
	}
}

type pidFile struct {
	i       *image
	path    string
	removed bool // by us
}

func (f *pidFile) write() {
	w := f.i.world
	file := &memFile{data: []byte(strconv.Itoa(f.i.pid) + "\n")}
	w.files[f.path] = file
	w.claims[f.path] = &claim{f.i.process, file}
}

func (f *pidFile) Restore() (bool, error) {
	if !f.i.awake() {
		return false, errGone
	}
	w := f.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	switch c, file := w.claims[f.path], w.files[f.path]; {
	case f.removed:
		return false, fmt.Errorf("forker: PID file %s: its claim has ended", f.path)
	case file == nil && w.diskFull:
		return false, fmt.Errorf("forker: write PID file %s: %w", f.path, syscall.ENOSPC)
	case file == nil:
		f.write()
		return true, nil
	case c == nil || c.file != file:
		return false, fmt.Errorf("forker: PID file %s was replaced by somebody else", f.path)
	}
	return false, nil
}

func (f *pidFile) Baton() (string, *os.File, error) { return f.path, nil, nil }

func (f *pidFile) Remove() error {
	if !f.i.awake() {
		return errGone
	}
	w := f.i.world
	w.mu.Lock()
	defer w.mu.Unlock()
	f.removed = true
	if c := w.claims[f.path]; c != nil && c.p == f.i.process {
		if w.files[f.path] == c.file {
			delete(w.files, f.path)
		}
		delete(w.claims, f.path)
	}
	return nil
}

// remote is a process as another one sees it.
type remote struct {
	p  *process
	by *image
}

func (r remote) PID() int                   { return r.p.pid }
func (r remote) Signal(sig os.Signal) error { return r.p.signal(sig) }

func (r remote) Wait(ctx context.Context) error {
	select {
	case <-r.p.ended:
		r.by.world.cross(r.by.block, laneArrival)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.by.gone:
		return errGone
	}
}
