package world

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/evertick/evertick/forker/pidfile"
)

// PIDFiles is who has locked which PID file of a machine. It is safe for
// concurrent use.
type PIDFiles struct {
	files *Files

	mu    sync.Mutex // held for instants only
	locks map[string]pidLock
}

// pidLock is a PID file and the living process that has locked it.
type pidLock struct {
	owner *Process
	file  *file
}

func newPIDFiles(files *Files) *PIDFiles {
	return &PIDFiles{files: files, locks: map[string]pidLock{}}
}

// write creates the PID file of a process and locks it. The mutex is held.
func (s *PIDFiles) write(path string, owner *Process) error {
	written, err := s.files.replace(path, strconv.Itoa(owner.pid)+"\n")
	if err != nil {
		return fmt.Errorf("pidfile: write PID file %s: %w", path, err)
	}
	s.locks[path] = pidLock{owner, written}
	return nil
}

// freeAll ends the locks of a process that is no more.
func (s *PIDFiles) freeAll(owner *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, l := range s.locks {
		if l.owner == owner {
			delete(s.locks, path)
		}
	}
}

// pidFiles is the PID files as a generation reaches them.
type pidFiles struct {
	g     *Generation
	store *PIDFiles
}

// Check knows the paths that the scenario denies, and refuses a file that is no
// PID file.
func (p pidFiles) Check(path string) error {
	path = clean(path)
	if err := p.store.files.denies(path); err != nil {
		return fmt.Errorf("pidfile: PID file: %w", err)
	}
	content, _ := p.store.files.look(path)
	if pid, err := strconv.Atoi(strings.TrimSuffix(content, "\n")); content != "" && (err != nil || pid <= 0) {
		return fmt.Errorf("pidfile: %s: it holds something else than a process's number; name another path, or remove it", path)
	}
	return nil
}

// Lock is refused while a living process has locked the file.
func (p pidFiles) Lock(path string) (pidfile.File, error) {
	if !p.g.awake() {
		return nil, errGone
	}
	if err := p.Check(path); err != nil {
		return nil, err
	}
	path = clean(path)
	s := p.store
	s.mu.Lock()
	defer s.mu.Unlock()
	_, now := s.files.look(path)
	if l, ok := s.locks[path]; ok && l.file == now {
		return nil, &pidfile.LockedError{Path: path, PID: l.owner.pid}
	}
	if err := s.write(path, p.g.process); err != nil {
		return nil, err
	}
	return &pidFile{in: p, path: path}, nil
}

// Inherit takes up the lock of the generation before.
func (p pidFiles) Inherit(path, _ string) (pidfile.File, error) {
	path = clean(path)
	s := p.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[path].owner != p.g.process {
		return nil, fmt.Errorf("pidfile: PID file %s: the lock on it was not passed on", path)
	}
	return &pidFile{in: p, path: path}, nil
}

// Find returns the process that has locked a PID file.
func (p pidFiles) Find(path string) (pidfile.Process, error) {
	path = clean(path)
	s := p.store
	s.mu.Lock()
	defer s.mu.Unlock()
	content, now := s.files.look(path)
	if now == nil {
		return nil, fmt.Errorf("pidfile: PID file %s: %w: there is no such file", path, pidfile.ErrNotRunning)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(content))
	if err != nil || pid <= 0 {
		return nil, fmt.Errorf("pidfile: PID file %s holds %q, which is no process number; nothing was signalled", path, content)
	}
	l, locked := s.locks[path]
	if !locked || l.file != now || l.owner.pid != pid {
		return nil, fmt.Errorf("pidfile: PID file %s: %w: it names PID %d, which has not locked it; nothing was signalled", path, pidfile.ErrNotRunning, pid)
	}
	return found{l.owner, p.g}, nil
}

// pidFile is a PID file that the generation's process has locked.
type pidFile struct {
	in      pidFiles
	path    string
	removed bool // by us
}

func (f *pidFile) Restore() (bool, error) {
	if !f.in.g.awake() {
		return false, errGone
	}
	s := f.in.store
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, now := s.files.look(f.path); {
	case f.removed:
		return false, fmt.Errorf("pidfile: PID file %s: its lock has ended", f.path)
	case now == nil:
		err := s.write(f.path, f.in.g.process)
		return err == nil, err
	case s.locks[f.path].file != now:
		return false, fmt.Errorf("pidfile: PID file %s was replaced by somebody else", f.path)
	}
	return false, nil
}

func (f *pidFile) Handoff() (string, *os.File, error) { return f.path, nil, nil }

func (f *pidFile) Remove() error {
	if !f.in.g.awake() {
		return errGone
	}
	s := f.in.store
	s.mu.Lock()
	defer s.mu.Unlock()
	f.removed = true
	if l := s.locks[f.path]; l.owner == f.in.g.process {
		s.files.removeIf(f.path, l.file)
		delete(s.locks, f.path)
	}
	return nil
}

// found is a process as another one's generation sees it.
type found struct {
	process *Process
	by      *Generation
}

func (f found) PID() int                   { return f.process.pid }
func (f found) Signal(sig os.Signal) error { return f.process.Signal(sig) }

func (f found) Wait(ctx context.Context) error {
	select {
	case <-f.process.ended:
		f.by.arrive()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.by.gone:
		return errGone
	}
}
