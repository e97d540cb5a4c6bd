package logfile

import (
	"bytes"
	"fmt"
)

// heldLimit bounds the lines that are held for a file that cannot be written.
const heldLimit = 1 << 20

// heldLines are the lines for a file that cannot be written yet.
type heldLines struct {
	buf  bytes.Buffer
	lost int // lines that did not fit
}

func (h *heldLines) add(line []byte) {
	if h.buf.Len()+len(line) > heldLimit {
		h.lost += bytes.Count(line, []byte("\n"))
		return
	}
	h.buf.Write(line)
}

// flush writes the lines in their order. Those that cannot be written stay.
func (h *heldLines) flush(o *output) error {
	for h.buf.Len() > 0 {
		held := h.buf.Bytes()
		line := held[:bytes.IndexByte(held, '\n')+1]
		if err := o.write(line); err != nil {
			return err
		}
		h.buf.Next(len(line))
	}
	return nil
}

// fail says, once, that the file cannot be written.
func (l *Log) fail(err error) {
	if l.broken {
		return
	}
	l.broken = true
	line := l.lines.append(nil, fmt.Sprintf(
		"Warning: the log file %s cannot be written, the log goes to standard output until it can: %v", l.path, err))
	l.toStdout(line)
	l.held.add(line)
}

// hold keeps a line for later. It goes to standard output, too, where it is
// already if the log is verbose.
func (l *Log) hold(line []byte) {
	if !l.settings.Verbose {
		l.toStdout(line)
	}
	l.held.add(line)
}

// recover writes the held lines and says that the file can be written again.
// What does not fit yet is kept for the next time.
func (l *Log) recover() {
	if l.held.flush(&l.out) != nil {
		return
	}
	text := "The log file can be written again."
	if l.held.lost > 0 {
		fate := "went to standard output only"
		if l.settings.Silent {
			fate = "are lost"
		}
		text += fmt.Sprintf(" %d lines %s.", l.held.lost, fate)
	}
	l.held.lost, l.broken = 0, false
	if err := l.out.write(l.lines.append(nil, text)); err != nil {
		l.fail(err)
	}
}
