package logfile

import (
	"errors"
	"fmt"
	"time"
)

// Handler takes the messages of a log in the place of its file. Package
// logfile/slogger makes one of a slog.Handler.
type Handler interface {
	// Handle takes a message. One goroutine calls it, for one message after the
	// other; who has logged waits for it, but not longer than 100ms, and not at all
	// from then on until what is queued, at most 1 MiB, was taken. It must not log
	// to the same log. A message that it returns an error for or panics at, or for
	// which there is no room, goes to standard output.
	Handle(m Message) error
}

// Message is what is logged.
type Message struct {
	// Time is the wall clock's.
	Time time.Time

	// Level is that of the message; one that begins with "Error: " or "Warning: "
	// has it from there.
	Level Level

	// PID is that of the daemon, or of the child that it comes from.
	PID int

	// Text is the message: one line or more.
	Text string
}

// Deliver logs a message that its caller hands to the handler by itself, because
// it has more of it than text: deliver is called where the log belongs to a
// handler, once; else the text is written. It does nothing where the level is not
// enabled, and otherwise what Print does. Time and PID are the log's own.
func (l *Log) Deliver(level Level, text string, deliver func() error) {
	if l.Enabled(level) {
		l.record(l.config.PID, level, text, deliver)
	}
}

// record logs a message, through the handler where there is one.
func (l *Log) record(pid int, level Level, text string, deliver func() error) {
	m := Message{Time: l.config.Clock.Wall(), Level: level, PID: pid, Text: text}
	h := l.handler()
	if h == nil {
		l.write(m)
		l.observe(pid, text)
		return
	}
	if deliver == nil {
		deliver = func() error { return h.Handle(m) }
	}
	l.hand(m, deliver)
	l.observe(pid, text)
}

var (
	errHandlerBehind = errors.New("it has not returned for too long")
	errHandlerExited = errors.New("it has ended its goroutine")
)

// hand lets the handler take a message, and waits for that as long as it may.
func (l *Log) hand(m Message, deliver func() error) {
	written, ok := l.handing.deliver(len(m.Text), func() error {
		err := errHandlerExited
		defer func() { l.handled(m, err) }()
		err = guarded(deliver)
		return nil
	})
	switch {
	case !ok:
		l.handled(m, errHandlerBehind)
	case written != nil:
		l.handing.await(written)
	}
}

// handler returns the handler that the messages belong to now; nil where they are
// written.
func (l *Log) handler() Handler {
	if !l.hasHandler.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isOpen {
		return nil
	}
	return l.settings.Handler
}

// guarded returns what f returns, or panics with.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return f()
}

// handled writes to standard output what the handler has not taken, and says so
// once; and what it has, where the log is verbose.
func (l *Log) handled(m Message, err error) {
	l.mu.Lock()
	defer l.unlock()
	if err == nil && !l.settings.Verbose {
		return
	}
	l.lines.setTime(m.Time)
	if err != nil && !l.handlerFailed {
		l.handlerFailed = true
		l.toStdout(l.lines.append(nil, Warn, fmt.Sprintf("Warning: the log's handler has failed. What it does not take goes to standard output: %v", err)))
	}
	l.buf = l.linesOf(m.PID).append(l.buf[:0], m.Level, m.Text)
	l.toStdout(l.buf)
}

// handHeld gives the handler what the log before held for a file.
func (l *Log) handHeld(h Handler, held Held) {
	for line := range held.all() {
		m := Message{Time: l.config.Clock.Wall(), PID: l.config.PID, Text: line}
		l.hand(m, func() error { return h.Handle(m) })
	}
}
