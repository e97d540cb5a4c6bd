package logfile

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Cleaner looks after the files that a log leaves behind. Package logfile/retain
// has one.
type Cleaner interface {
	// Check returns the error that the cleaner was declared with.
	Check() error

	// Full reports whether a file of that many bytes is to be set aside. It is
	// called after each message, with the log locked, and must be quick.
	Full(size int64) bool

	// SetAside renames the file that is written, so that its path is free. It is
	// called with the log locked.
	SetAside(s Site) error

	// Clean deletes and compresses old files, beside the loop, and returns what
	// is to be logged. It is called once at a time: soon after a file was opened,
	// and every minute while there are messages. It ends soon when ctx is done.
	Clean(ctx context.Context, s Site) []string
}

// Site is where a log is, for a [Cleaner].
type Site struct {
	// Path is the file that is written, as the disk knows it.
	Path string

	// Base returns the name of the log file in its folder, for a wall-clock time; that
	// of Path where the log's name function panics.
	Base func(wall time.Time) string

	// Hold calls f while the log neither opens a file nor writes to one: the path is
	// that of the file which is open, as the disk knows it, and empty for none. f must
	// be quick, and must not log. Nil in SetAside, which is called so, and where no log
	// is.
	Hold func(f func(path string))

	// Daemon stands in the header of each file that is its own.
	Daemon string

	// Wall and Boot are readings of the log's clock.
	Wall time.Time
	Boot time.Duration
}

// HasHeader reports whether a log file of the daemon begins with that line.
func HasHeader(line, daemon string) bool {
	return strings.Contains(line, headerText(daemon))
}

func headerText(daemon string) string { return "Log Opened: " + daemon + " on " }

// cleanPause is how long the cleaner waits after a file was opened, so that it does
// not stand in the way of the start.
const cleanPause = 100 * time.Millisecond

// cleaning is the goroutine that calls the cleaner.
type cleaning struct {
	wanted chan struct{}
	cancel context.CancelFunc
	ended  chan struct{}
}

// wantClean lets the cleaner look at the files soon. The log is locked.
func (l *Log) wantClean() {
	if l.settings.Cleaner == nil || l.out.file == nil {
		return
	}
	if l.cleaning == nil {
		ctx, cancel := context.WithCancel(context.Background())
		l.cleaning = &cleaning{wanted: make(chan struct{}, 1), cancel: cancel, ended: make(chan struct{})}
		go l.clean(ctx, l.cleaning)
	}
	select {
	case l.cleaning.wanted <- struct{}{}:
	default:
	}
}

func (l *Log) clean(ctx context.Context, c *cleaning) {
	defer close(c.ended)
	for {
		select {
		case <-c.wanted:
		case <-ctx.Done():
			return
		}
		if clockwork.Sleep(ctx, l.config.Clock, cleanPause) != nil {
			return
		}
		cleaner, site, ok := l.site()
		if !ok {
			continue
		}
		lines, err := cleanWith(ctx, cleaner, site)
		for _, line := range lines {
			l.Print(line)
		}
		if err != nil {
			l.Print("Warning: old log files are not cleaned up any more: " + err.Error())
			return
		}
	}
}

// cleanWith returns what Clean returns, and a panic of it as an error.
func cleanWith(ctx context.Context, c Cleaner, s Site) (lines []string, err error) {
	defer panicked(&err)
	return c.Clean(ctx, s), nil
}

// isFull returns what Full returns, and a panic of it as an error.
func isFull(c Cleaner, size int64) (full bool, err error) {
	defer panicked(&err)
	return c.Full(size), nil
}

// setAside returns what SetAside returns, and a panic of it as an error.
func setAside(c Cleaner, s Site) (err error) {
	defer panicked(&err)
	return c.SetAside(s)
}

// panicked makes an error of a panic of the cleaner's.
func panicked(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("the log's cleaner panicked: %v", v)
	}
}

// site returns the cleaner and what it is to be told.
func (l *Log) site() (Cleaner, Site, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.settings.Cleaner == nil || l.out.file == nil {
		return nil, Site{}, false
	}
	s := l.siteNow()
	s.Hold = l.whileHeld
	return l.settings.Cleaner, s, true
}

// whileHeld calls f with the log locked.
func (l *Log) whileHeld(f func(path string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := ""
	if l.out.file != nil {
		path = l.out.file.Path()
	}
	f(path)
}

func (l *Log) siteNow() Site {
	name, path := l.settings.Name, l.out.file.Path()
	return Site{
		Path: path, Daemon: l.config.Daemon, Wall: l.config.Clock.Wall(), Boot: l.config.Clock.Boot(),
		Base: func(wall time.Time) (base string) {
			base = filepath.Base(path)
			defer func() { _ = recover() }() // which the log itself says, where it asks for the name
			return filepath.Base(name(wall))
		},
	}
}

// stopCleaning ends the cleaner, and waits for it for a while.
func (l *Log) stopCleaning() {
	l.mu.Lock()
	c := l.cleaning
	l.cleaning = nil
	l.mu.Unlock()
	if c == nil {
		return
	}
	c.cancel()
	timer := l.config.Clock.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C():
	}
}

// limitSize sets the file aside if it has become too large.
func (l *Log) limitSize() {
	c := l.settings.Cleaner
	if c == nil || l.broken || l.stayed || l.limiting {
		return
	}
	l.limiting = true // the lines about it do not lead here again
	defer func() { l.limiting = false }()
	full, err := isFull(c, l.out.file.Size())
	if err == nil {
		if !full || l.out.file.Moved() { // the path is another file's by now
			return
		}
		err = setAside(c, l.siteNow())
	}
	if err == nil {
		l.asideFailed = false
		l.move(l.path)
		return
	}
	if !l.asideFailed {
		l.asideFailed = true
		l.emit(l.lines.append(nil, Warn, fmt.Sprintf("Warning: the log file %s is not limited in its size: %v", l.path, err)))
	}
}
