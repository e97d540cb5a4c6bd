package core

import (
	"os"

	"github.com/evertick/evertick/forker/pidfile"
)

// pidFile is the daemon's PID file, or none.
type pidFile struct {
	files pidfile.Files
	path  string // empty: none was asked for
	file  pidfile.File

	foreignLogged bool // that somebody else's file is in its place
}

// lock writes and locks the file, or takes over the lock that the program
// before handed over.
func (p *pidFile) lock(handoff *string) (err error) {
	switch {
	case p.path == "" || p.file != nil:
	case handoff != nil:
		p.file, err = p.files.Inherit(p.path, *handoff)
	default:
		p.file, err = p.files.Lock(p.path)
	}
	return err
}

// former returns the number of the dead process whose file was taken over; 0
// where there was none.
func (p *pidFile) former() int {
	if p.file == nil {
		return 0
	}
	return p.file.Former()
}

func (p *pidFile) locked() bool { return p.file != nil }

// restore writes the file again if somebody deleted it, and returns what is to
// be logged, once for a condition that lasts.
func (p *pidFile) restore() (text string) {
	if p.file == nil {
		return ""
	}
	restored, err := p.file.Restore()
	logged := p.foreignLogged
	p.foreignLogged = err != nil
	switch {
	case err != nil && !logged:
		return "Error: " + err.Error()
	case restored:
		return "Warning: PID file " + p.path + " was gone: it has been written again"
	}
	return ""
}

// handoff returns what the next program needs to take the lock over; nil
// without a PID file.
func (p *pidFile) handoff() (value *string, file *os.File, err error) {
	if p.file == nil {
		return nil, nil, nil
	}
	text, file, err := p.file.Handoff()
	return &text, file, err
}

// remove deletes the file and ends the lock.
func (p *pidFile) remove() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Remove()
	p.file = nil
	return err
}
