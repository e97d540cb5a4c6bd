package core

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// heldLimit bounds what is kept of the lines that could not be written to the
// log file, to be written when it can be again.
const heldLimit = 1 << 20

// logbook is the daemon's log. Every message is one write, so that lines of
// several processes on one file do not mix.
//
// A file that cannot be written loses nothing at once: the lines go to
// standard output instead, and are held to be written to the file as soon as
// it takes them again, which is tried with the first line of each second.
type logbook struct {
	name    string
	host    *Host
	resolve func(string) string

	mu     sync.Mutex // held while a line is written
	set    logSettings
	isOpen bool // the lock is won: the file may be touched
	path   string
	file   AppendFile
	buf    []byte
	second int64  // of the wall clock, that stamp and the file were looked at for
	stamp  []byte // [2026-11-23 08:12:44] 12345

	broken bool // the file cannot be written; it has been said
	torn   bool // the file ends within a line
	held   bytes.Buffer
	lost   int // lines that no longer fitted into held
}

// logSettings is what the options and the command line say about the log.
type logSettings struct {
	name   LogName
	json   bool
	stdout bool // also to standard output: -v
	silent bool // standard output leads nowhere: -d
}

func newLogbook(d *Daemon) *logbook {
	return &logbook{name: d.name, host: &d.host, resolve: d.Path}
}

func (d *Daemon) logPath() string {
	if d.set.logName == nil {
		return ""
	}
	return d.Path(d.set.logName(d.host.Clock.Wall()))
}

func (d *Daemon) configureLog() {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	d.log.set = logSettings{
		name:   d.set.logName,
		json:   d.set.logJSON,
		stdout: d.cmd.verbose && !d.cmd.detach,
		silent: d.cmd.detach,
	}
}

// open lets the log go to its file from now on.
func (l *logbook) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOpen {
		return
	}
	l.isOpen = true
	l.look(l.host.Clock.Wall())
}

func (l *logbook) opened() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.isOpen
}

// retry writes what is held, if it can be by now.
func (l *logbook) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOpen && l.broken {
		l.look(l.host.Clock.Wall())
	}
}

// close writes what is held, if it can be, and closes the file.
func (l *logbook) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		l.look(l.host.Clock.Wall())
	}
	l.shut()
	l.isOpen = false
}

func (l *logbook) shut() {
	if l.file != nil {
		_ = l.file.Close() // every line was written and checked
		l.file = nil
	}
}

// where is the path of the log file, or empty for standard output.
func (l *logbook) where() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path
}

func (l *logbook) printf(format string, args ...any) {
	l.print(fmt.Sprintf(format, args...))
}

// print logs a message.
func (l *logbook) print(message string) {
	wall := l.host.Clock.Wall()
	l.mu.Lock()
	l.turn(wall)
	l.buf = l.format(l.buf[:0], wall, message)
	l.emit(l.buf)
	l.mu.Unlock()
	if l.host.Observe != nil {
		l.host.Observe(Observation{Kind: ObserveLog, Text: message})
	}
}

// raw logs a line that is formatted already.
func (l *logbook) raw(line []byte, message string) {
	wall := l.host.Clock.Wall()
	l.mu.Lock()
	l.turn(wall)
	l.emit(line)
	l.mu.Unlock()
	if l.host.Observe != nil {
		l.host.Observe(Observation{Kind: ObserveLog, Text: message})
	}
}

// prefixed is a message as it stands in the log.
func (l *logbook) prefixed(message string) string {
	wall := l.host.Clock.Wall()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restamp(wall)
	return string(bytes.TrimRight(l.format(nil, wall, message), "\n"))
}

// turn looks at name and file again with the first line of each second.
func (l *logbook) turn(wall time.Time) {
	if l.restamp(wall) && l.isOpen {
		l.look(wall)
	}
}

func (l *logbook) restamp(wall time.Time) (changed bool) {
	if l.second == wall.Unix() && l.stamp != nil {
		return false
	}
	l.second = wall.Unix()
	l.stamp = append(l.stamp[:0], '[')
	l.stamp = wall.AppendFormat(l.stamp, time.DateTime)
	l.stamp = append(l.stamp, "] "...)
	l.stamp = strconv.AppendInt(l.stamp, int64(l.host.Processes.PID()), 10)
	l.stamp = append(l.stamp, ' ')
	return true
}

// emit writes a finished line to where the log goes now.
func (l *logbook) emit(line []byte) {
	if !l.isOpen || l.path == "" {
		l.toStdout(line)
		return
	}
	if l.set.stdout {
		l.toStdout(line)
	}
	if l.broken {
		l.hold(line)
		return
	}
	if err := l.toFile(line); err != nil {
		l.breakDown(err)
		l.hold(line)
	}
}

func (l *logbook) toStdout(line []byte) {
	if !l.set.silent {
		_, _ = l.host.Stdout.Write(line) // there is nowhere left to complain
	}
}

func (l *logbook) toFile(line []byte) error {
	if l.torn {
		if _, err := l.file.Write([]byte("\n")); err != nil {
			return err
		}
		l.torn = false
	}
	n, err := l.file.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	l.torn = err != nil && n > 0
	return err
}

// breakDown says, once, that the file cannot be written.
func (l *logbook) breakDown(err error) {
	if l.broken {
		return
	}
	l.broken = true
	line := l.format(nil, l.host.Clock.Wall(), fmt.Sprintf(
		"Warning: the log file %s cannot be written, the log goes to standard output until it can: %v", l.path, err))
	l.hold(line)
	if l.set.stdout { // where everything else goes anyway
		l.toStdout(line)
	}
}

// hold keeps a line for later and shows it on standard output meanwhile.
func (l *logbook) hold(line []byte) {
	if !l.set.stdout {
		l.toStdout(line)
	}
	if l.held.Len()+len(line) > heldLimit {
		l.lost++
		return
	}
	l.held.Write(line)
}

// look opens the file that the log belongs into now, if that is not the one
// that is open, and tries again one that could not be written.
func (l *logbook) look(wall time.Time) {
	l.restamp(wall)
	path := ""
	if l.set.name != nil {
		path = l.resolve(l.set.name(wall))
	}
	same := path == l.path && l.file != nil && !l.file.Moved()
	if (same && !l.broken) || path == "" {
		l.path = path
		return
	}
	if !same {
		l.shut()
		l.path, l.torn = path, false
		f, err := l.host.Files.Append(path)
		if err != nil {
			l.breakDown(err)
			return
		}
		l.file = f
		l.header(wall)
	}
	if l.broken {
		l.mend(wall)
	}
}

// header is the first line after a file was opened.
func (l *logbook) header(wall time.Time) {
	line := l.format(nil, wall, fmt.Sprintf("Log Opened: %s on %s", l.name, l.host.Name))
	if err := l.toFile(line); err != nil {
		l.breakDown(err)
	}
}

// mend writes what was held, and says how long the file was out of order. What
// does not fit yet is kept for the next time.
func (l *logbook) mend(wall time.Time) {
	for l.held.Len() > 0 {
		held := l.held.Bytes()
		line := held[:bytes.IndexByte(held, '\n')+1]
		if err := l.toFile(line); err != nil {
			return
		}
		l.held.Next(len(line))
	}
	text := "The log file can be written again."
	if l.lost > 0 {
		text = fmt.Sprintf("The log file can be written again. %d lines went to standard output only.", l.lost)
	}
	l.lost, l.broken = 0, false
	if err := l.toFile(l.format(nil, wall, text)); err != nil {
		l.breakDown(err)
	}
}
