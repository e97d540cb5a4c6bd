package logfile

import (
	"bytes"
	"fmt"
	"iter"
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
	meanwhile := "the log goes to standard output"
	if !l.heard(l.stdout) {
		meanwhile = "up to 1 MiB of lines is held"
	}
	line := l.lines.append(nil, Warn, fmt.Sprintf(
		"Warning: the log file %s cannot be written, %s until it can: %v", l.path, meanwhile, err))
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
		if !l.heard(l.stdout) {
			fate = "are lost"
		}
		text += fmt.Sprintf(" %d lines %s.", l.held.lost, fate)
	}
	l.held.lost, l.broken = 0, false
	if err := l.out.write(l.lines.append(nil, Info, text)); err != nil {
		l.fail(err)
	}
}

// Held is what a log holds for a file that cannot be written, for the program
// that follows in the process. The zero value is nothing.
type Held struct {
	// Lines are finished lines.
	Lines []byte `json:"lines,omitempty"`

	// Lost is how many more there were, that did not fit.
	Lost int `json:"lost,omitempty"`
}

// Held returns what the log holds.
func (l *Log) Held() Held {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.take()
}

// take returns a copy of what is held.
func (h *heldLines) take() Held { return Held{bytes.Clone(h.buf.Bytes()), h.lost} }

// all returns the lines, and how many were lost in the last one.
func (h Held) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(h.Lines) {
			if !yield(string(bytes.TrimSuffix(line, []byte("\n")))) {
				return
			}
		}
		if h.Lost > 0 {
			yield(fmt.Sprintf("%d lines that were held for the log file are lost", h.Lost))
		}
	}
}

// TakeOver lets the log hold what the one before held, ahead of its own lines.
// They are written with Open, or when the file can be written. Call it before Open.
func (l *Log) TakeOver(h Held) {
	if len(h.Lines) == 0 && h.Lost == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	l.held.add(h.Lines)
	l.held.lost += h.Lost
}
