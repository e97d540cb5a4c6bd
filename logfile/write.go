package logfile

import (
	"fmt"
	"io"
)

// write formats and writes a message.
func (l *Log) write(m Message) {
	l.mu.Lock()
	defer l.unlock()
	l.advance(m.Time)
	l.buf = l.linesOf(m.PID).append(l.buf[:0], m.Level, m.Text)
	l.emit(l.buf)
}

// linesOf returns what makes the lines of a process.
func (l *Log) linesOf(pid int) *formatter {
	if pid == l.config.PID {
		return &l.lines
	}
	f := &formatter{pid: pid, json: l.lines.json}
	f.setTime(l.lines.wall)
	return f
}

// WriteLine writes a line, with its newline, that is formatted already. Observe
// is not told.
func (l *Log) WriteLine(line []byte) {
	wall := l.config.Clock.Wall()
	l.mu.Lock()
	defer l.unlock()
	l.advance(wall)
	l.emit(line)
}

// emit writes finished lines to where the log goes now.
func (l *Log) emit(line []byte) {
	if to := l.target(); stream(to) {
		l.toStream(to, line)
		return
	}
	if l.settings.Verbose {
		l.toStdout(line)
	}
	l.sayStdoutFailure()
	l.toFile(line)
}

// toFile writes finished lines to the file, or holds them for it.
func (l *Log) toFile(line []byte) {
	if l.broken {
		l.hold(line)
		return
	}
	if err := l.out.write(line); err != nil {
		l.fail(err)
		l.hold(line)
		return
	}
	l.limitSize()
}

// toStdout queues finished lines for standard output; unlock waits for them.
func (l *Log) toStdout(line []byte) {
	l.stdoutUsed = l.stdoutUsed || !l.settings.Silent
	l.queue(l.stdout, line)
}

// queue queues finished lines for a standard stream.
func (l *Log) queue(s *stdout, line []byte) {
	if !l.settings.Silent {
		l.pending, l.pendingOn = s.push(line, l.lines.wall), s
	}
}

// unlock unlocks the log, and then waits until standard output has what was
// written meanwhile, or turns out to be stuck.
func (l *Log) unlock() {
	pending, on := l.pending, l.pendingOn
	l.pending = nil
	l.mu.Unlock()
	if pending != nil {
		on.await(pending)
	}
}

// sayStdoutFailure says, once and in the file, that standard output cannot be
// written.
func (l *Log) sayStdoutFailure() {
	if !l.stdoutUsed || l.stdoutFailureSaid {
		return
	}
	if err := l.stdout.failure(); err != nil {
		l.stdoutFailureSaid = true
		l.toFile(l.lines.append(nil, Warn, fmt.Sprintf("Warning: standard output cannot be written: %v", err)))
	}
}

// output is the open log file, if there is one.
type output struct {
	file File
	torn bool // the file ends within a line
}

// inPlace reports whether a file is open that still has its name.
func (o *output) inPlace() bool { return o.file != nil && !o.file.Moved() }

// write appends a line, on a line of its own even if the one before was cut
// off.
func (o *output) write(line []byte) error {
	if o.torn {
		if _, err := o.file.Write([]byte("\n")); err != nil {
			return err
		}
		o.torn = false
	}
	n, err := o.file.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	o.torn = err != nil && n > 0
	if o.torn && n == len(line)-1 { // its newline comes with the next one
		return nil
	}
	return err
}

func (o *output) close() {
	if o.file != nil {
		_ = o.file.Close() // every line was written and checked
		*o = output{}
	}
}
