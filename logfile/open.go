package logfile

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Open makes the log go to its file, or its handler, from now on. It does nothing
// when the log is open. Where the file cannot be opened, the log goes to standard
// output until it can.
func (l *Log) Open() {
	if h, held := l.open(); h != nil {
		l.handHeld(h, held)
	}
}

// open returns the handler, if there is one, and what was held for a file.
func (l *Log) open() (h Handler, held Held) {
	l.mu.Lock()
	defer l.unlock()
	if l.isOpen {
		return nil, Held{}
	}
	l.isOpen = true
	if h = l.settings.Handler; h != nil {
		held, l.held, l.broken = l.held.take(), heldLines{}, false
		return h, held
	}
	l.refresh()
	return nil, Held{}
}

// Opened reports whether the log is between Open and Close.
func (l *Log) Opened() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isOpen
}

// Retry looks at the file now, without waiting for the next second: one that was
// moved or deleted is left for a new one, and the held lines are written if they
// can be.
func (l *Log) Retry() {
	l.mu.Lock()
	defer l.unlock()
	if l.isOpen && l.settings.Handler == nil {
		l.refresh()
	}
}

// Close writes the held lines if the file can be written again, and closes it.
// It waits up to a second for a standard output that is behind. What is logged
// afterwards goes to standard output until the next Open.
func (l *Log) Close() {
	l.stopCleaning()
	l.closeFile()
	l.Flush(closePatience)
}

func (l *Log) closeFile() {
	l.mu.Lock()
	defer l.unlock()
	if l.isOpen && (l.broken || l.stayed) {
		l.refresh()
	}
	l.out.close()
	l.isOpen, l.path, l.linked, l.stayed = false, "", "", false
}

// Path returns the path of the log file, also while it cannot be written. It
// is empty while the log is closed or belongs to standard output.
func (l *Log) Path() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := l.target()
	if path == Stdout || path == Stderr && l.settings.Silent {
		return ""
	}
	return path
}

// Reaches reports whether a message that is logged now reaches anything: a handler,
// a file that can be written, or a standard output that leads somewhere. A message
// that is held for a file that cannot be written has not reached it yet.
func (l *Log) Reaches() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch path := l.target(); {
	case l.isOpen && l.settings.Handler != nil:
		return true
	case path == Null:
		return false
	case path == Stderr:
		return l.heard(l.stderr)
	case !stream(path) && !l.broken:
		return true
	}
	return l.heard(l.stdout)
}

// heard reports whether a standard stream leads somewhere.
func (l *Log) heard(s *stdout) bool {
	return !l.settings.Silent && s.w != io.Discard && s.failure() == nil
}

// refresh looks at the name and the file now.
func (l *Log) refresh() {
	wall := l.config.Clock.Wall()
	l.lines.setTime(wall)
	l.reopen(wall)
}

// advance sets the time of the next line, and looks at the name and the file
// with the first line of each second.
func (l *Log) advance(wall time.Time) {
	l.lines.setTime(wall)
	if l.isOpen && l.settings.Handler == nil && l.checked != wall.Unix() {
		l.reopen(wall)
	}
}

// reopen opens the file that the log belongs into now, if that is not the one
// that is open, and tries again one that could not be written.
func (l *Log) reopen(wall time.Time) {
	minute := l.checked/60 != wall.Unix()/60
	l.checked = wall.Unix()
	path, panicked := l.pathAt(wall)
	defer l.sayNamePanic(panicked)
	if path != l.path || l.stayed || !l.out.inPlace() {
		l.move(path)
	} else if minute {
		l.wantClean()
	}
	if l.broken && l.out.file != nil {
		l.recover()
	}
}

// move opens the file that the log belongs into. The one that is open is left
// when the new one stands: until then the log stays with it.
func (l *Log) move(path string) {
	l.path = path
	l.linked = ""
	if stream(path) {
		l.leaveFile()
		return
	}
	f, err := l.config.Files.Append(path)
	var to *StreamError
	switch {
	case errors.As(err, &to):
		l.linked = to.Stream
		l.leaveFile()
		return
	case err != nil && l.out.file != nil && !l.out.file.Deleted():
		l.stay(err)
		return
	case err != nil:
		l.out.close()
		l.stayed = false
		l.fail(err)
		return
	}
	l.out.close()
	l.out = output{file: f, torn: f.Torn()}
	l.header()
	if l.config.Opened != nil {
		l.config.Opened(f.Path())
	}
	l.wantClean()
	if l.stayed {
		l.stayed = false
		l.emit(l.lines.append(nil, Info, "The log file can be opened again. What was logged meanwhile is in the file before it."))
	}
}

// leaveFile closes the file for a standard stream.
func (l *Log) leaveFile() {
	l.out.close()
	l.stayed = false
}

// stay says, once, that the log stays with the file that is open.
func (l *Log) stay(err error) {
	if l.stayed {
		return
	}
	l.stayed = true
	l.emit(l.lines.append(nil, Warn, fmt.Sprintf(
		"Warning: the log file %s cannot be opened, the log stays with the file before it until it can: %v", l.path, err)))
}

// pathAt returns the path that the log belongs into now. Where the name
// panics, that is the path of before, and the panic's value is returned.
func (l *Log) pathAt(wall time.Time) (path string, panicked any) {
	if l.settings.Name == nil {
		return "", nil
	}
	defer func() {
		if panicked = recover(); panicked != nil {
			path = l.path
		}
	}()
	path = l.settings.Name(wall)
	if stream(path) || l.config.Resolve == nil {
		return path, nil
	}
	return l.config.Resolve(path), nil
}

// sayNamePanic says, once, that the name panicked with a value other than nil.
func (l *Log) sayNamePanic(value any) {
	if value == nil || l.namePanicSaid {
		return
	}
	l.namePanicSaid = true
	where := l.target()
	if stream(where) {
		where = "standard output"
	}
	l.emit(l.lines.append(nil, Warn, fmt.Sprintf("Warning: the log's name function panicked, the log stays with %s: %v", where, value)))
}

// header writes the first line after a file was opened.
func (l *Log) header() {
	line := l.lines.append(nil, Info, headerText(l.config.Daemon)+l.config.Host)
	if err := l.out.write(line); err != nil {
		l.fail(err)
	}
}
