package logfile

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Config is what a [Log] is made of.
type Config struct {
	// Daemon and Host are the names in the header line.
	Daemon, Host string

	// PID stands in each line. Zero means this process.
	PID int

	// Clock tells the time of each line. Nil means clockwork.Real().
	Clock clockwork.Clock

	// Files is where the log files are. Nil means Disk().
	Files Files

	// Stdout receives what does not go to a file. Its first error is logged
	// where there is a file, and the others are ignored. It may block; it is
	// written by one goroutine at a time, which ends when nothing is left. Nil
	// means that it goes nowhere.
	Stdout io.Writer

	// Stderr is written as Stdout is, where the log belongs into the path Stderr.
	Stderr io.Writer

	// Resolve makes the path that a Name returns absolute. It is called with
	// the log locked and must not log. Nil leaves the path as it is.
	Resolve func(path string) string

	// Opened is told the path, as the disk knows it, of each file that the log
	// turns to. It is called with the log locked, and must not log. Nil means
	// that nobody is told.
	Opened func(path string)

	// Observe is told each message, and under whose number it stands, after it
	// was written. It must be quick and
	// safe for concurrent use. The log is not locked meanwhile. Nil means that
	// nobody is told.
	Observe func(pid int, message string)
}

// Settings is what a daemon's options and command line say about its log. The
// zero value is text to standard output.
type Settings struct {
	// Name tells the path of the log file. Nil means standard output.
	Name Name

	// JSON makes each message a JSON object with time, level, msg and pid.
	JSON bool

	// Level is that of the least messages that are written. Zero means Info.
	Level Level

	// Handler takes the messages from Open to Close, in the place of a file: Name
	// is then nil. Nil means that there is none.
	Handler Handler

	// Verbose writes to standard output, too, what goes to the file.
	Verbose bool

	// Cleaner looks after the files that the log leaves behind. Nil means that
	// nobody does.
	Cleaner Cleaner

	// Silent says that standard output leads nowhere; nothing is written to it.
	Silent bool
}

// Log writes messages to a log file, or to standard output. It is safe for
// concurrent use.
type Log struct {
	config Config

	level      atomic.Int64 // of Settings
	hasHandler atomic.Bool

	mu       slot // held while a line is written
	settings Settings
	lines    formatter
	buf      []byte // the line being written

	namePanicSaid bool
	handlerFailed bool // that it has was said

	isOpen  bool   // the file may be touched
	path    string // of the file that the log belongs into; empty for standard output
	linked  string // the standard stream to which path is a symbolic link; empty: it is none
	out     output
	checked int64 // the second in which name and file were looked at last

	handing           *stdout // what the handler is to take
	stdout, stderr    *stdout
	pending           <-chan struct{} // the last line that went to a standard stream
	pendingOn         *stdout         // which one
	stdoutUsed        bool
	stdoutFailureSaid bool

	stayed bool // the log is in the file before the one that path names; it has been said
	broken bool // the file cannot be written; it has been said
	held   heldLines

	cleaning    *cleaning // nil: not begun
	limiting    bool      // a file that is too large is being set aside
	asideFailed bool      // that it could not be was said
}

// slot is a lock for what may take its time: in a synctest bubble, who waits for
// a mutex would keep time from moving on.
type slot chan struct{}

func (s slot) Lock()   { s <- struct{}{} }
func (s slot) Unlock() { <-s }

// New returns a log that writes to standard output until it is opened.
func New(c Config) *Log {
	c.PID = cmp.Or(c.PID, os.Getpid())
	c.Clock = cmp.Or(c.Clock, clockwork.Real())
	c.Files = cmp.Or(c.Files, Disk())
	c.Stdout, c.Stderr = orDiscard(c.Stdout), orDiscard(c.Stderr)
	lines := formatter{pid: c.PID}
	return &Log{
		config: c, mu: make(slot, 1), lines: lines,
		handing: &stdout{clock: c.Clock},
		stdout:  &stdout{w: c.Stdout, clock: c.Clock, lines: lines},
		stderr:  &stdout{w: c.Stderr, clock: c.Clock, lines: lines},
	}
}

// Configure replaces the settings. A new name takes effect with Open or with
// the first message of the next second, everything else at once.
func (l *Log) Configure(s Settings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settings = s
	l.level.Store(int64(s.Level))
	l.hasHandler.Store(s.Handler != nil)
	l.lines.json = s.JSON
	l.stdout.setJSON(s.JSON)
	l.stderr.setJSON(s.JSON)
}

// Config returns what the log is made of, with nothing left out.
func (l *Log) Config() Config { return l.config }

// Settings returns the settings of the latest Configure.
func (l *Log) Settings() Settings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings
}

// Print logs a message of one or more lines. As text, one newline at its end
// is dropped. It blocks while the file does, and never fails. A standard output
// that takes nothing holds up one caller, for 100ms; from then on up to 1 MiB
// is queued for it and the rest dropped, which is said when it flows again.
//
// A message that begins with "Error: " or "Warning: " has that level, any other
// one Info.
func (l *Log) Print(message string) { l.PrintAs(l.config.PID, message) }

// PrintAs logs a message under another PID than the daemon's: that of the child
// that it comes from. Otherwise it does what Print does.
func (l *Log) PrintAs(pid int, message string) {
	if level := levelOf(message); l.Enabled(level) {
		l.record(pid, level, message, nil)
	}
}

// PrintAt logs a message of a level, which its text need not tell.
func (l *Log) PrintAt(level Level, message string) { l.Deliver(level, message, nil) }

// Tell logs a message that somebody has asked for: whatever the level of the log.
func (l *Log) Tell(message string) { l.record(l.config.PID, Info, message, nil) }

// Printf logs a message that it formats as fmt.Sprintf does.
func (l *Log) Printf(format string, args ...any) {
	l.Print(fmt.Sprintf(format, args...))
}

// Flush waits until standard output and the handler have taken everything, but not longer than
// limit by the log's clock. It reports whether nothing is left.
func (l *Log) Flush(limit time.Duration) bool {
	return l.handing.flush(limit) && l.stdout.flush(limit) && l.stderr.flush(limit)
}

// Format returns a message as it would stand in the log now, without the
// newline at its end. It writes nothing.
func (l *Log) Format(message string) string {
	wall := l.config.Clock.Wall()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines.setTime(wall)
	line := l.lines.append(nil, levelOf(message), message)
	return string(line[:len(line)-1])
}

func (l *Log) observe(pid int, message string) {
	if l.config.Observe != nil {
		l.config.Observe(pid, message)
	}
}
