package world

import (
	"context"
	"fmt"
	"os"

	"github.com/evertick/evertick/forker/pidfile"
)

// pidFiles is the real PID files, as a generation reaches them among the
// processes of its machine.
type pidFiles struct {
	g     *Generation
	files *Files
	disk  pidfile.DiskFiles
}

var _ pidfile.Files = pidFiles{}

// pidLine is how many bytes a PID file takes.
const pidLine = 4

func (p pidFiles) Check(path string) error {
	path = p.g.path(path)
	if err := p.files.refusal(path); err != nil {
		return fmt.Errorf("PID file: %s: %w", path, err)
	}
	return p.disk.Check(path)
}

func (p pidFiles) Lock(path string) (pidfile.File, error) {
	return p.lock(path, func(path string) (pidfile.File, error) {
		if _, err := p.files.grant(path, pidLine); err != nil {
			return nil, fmt.Errorf("PID file: lock %s: %w", path, err)
		}
		return p.disk.Lock(path)
	})
}

func (p pidFiles) Inherit(path, handoff string) (pidfile.File, error) {
	return p.lock(path, func(path string) (pidfile.File, error) {
		file, err := p.disk.Inherit(path, handoff)
		if err == nil {
			p.g.locked.take(handoff)
		}
		return file, err
	})
}

func (p pidFiles) lock(path string, lock func(path string) (pidfile.File, error)) (pidfile.File, error) {
	if !p.g.awake() {
		return nil, errGone
	}
	path = p.g.path(path)
	if err := p.files.refusal(path); err != nil {
		return nil, fmt.Errorf("PID file: %s: %w", path, err)
	}
	file, err := lock(path)
	if err != nil {
		return nil, err
	}
	f := &pidFile{file, p, path}
	p.g.locked.add(f)
	return f, nil
}

func (p pidFiles) Discard(path string, pid int) (bool, error) {
	if !p.g.awake() {
		return false, errGone
	}
	return p.disk.Discard(p.g.path(path), pid)
}

func (p pidFiles) Find(path string) (pidfile.Process, error) { return p.disk.Find(p.g.path(path)) }

func (p pidFiles) Process(pid int) (pidfile.Process, error) { return p.disk.Process(pid) }

// pidFile is a PID file that the generation's process has locked.
type pidFile struct {
	pidfile.File
	in   pidFiles
	path string
}

func (f *pidFile) file() *os.File {
	_, file, err := f.File.Handoff()
	if err != nil {
		return nil // it was removed
	}
	return file
}

func (f *pidFile) Restore() (bool, error) {
	if !f.in.g.awake() {
		return false, errGone
	}
	if _, err := os.Lstat(f.path); err != nil { // it is to be written again
		if _, err := f.in.files.grant(f.path, pidLine); err != nil {
			return false, fmt.Errorf("PID file: restore %s: %w", f.path, err)
		}
	}
	return f.File.Restore()
}

func (f *pidFile) Handoff() (string, *os.File, error) {
	handoff, file, err := f.File.Handoff()
	if err == nil {
		handoff, err = f.in.g.locked.pass(handoff, file)
	}
	return handoff, file, err
}

func (f *pidFile) Remove() error {
	if !f.in.g.awake() {
		return errGone
	}
	f.in.g.locked.discard()
	return f.File.Remove()
}

// handle is a process as another one's generation sees it.
type handle struct {
	process *Process
	by      *Generation
}

var _ pidfile.Handle = handle{}

func (h handle) PID() int                   { return h.process.pid }
func (h handle) Signal(sig os.Signal) error { return h.process.Signal(sig) }
func (h handle) Ignores(os.Signal) bool     { return false } // what it ignores for a restart takes no time here

func (h handle) Wait(ctx context.Context) error {
	select {
	case <-h.process.ended:
		h.by.arrive()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-h.by.gone:
		return h.by.freeze()
	}
}

func (h handle) HasOpen(file *os.File) (open, known bool) {
	return h.process.present.Load().locked.has(file), true
}

func (h handle) User() (id uint32, known bool) { return uint32(os.Geteuid()), true }
func (h handle) Close()                        {}
