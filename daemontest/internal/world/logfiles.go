package world

import (
	"context"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/logfile"
)

// logFiles is the disk as a generation's log reaches it.
type logFiles struct {
	g     *Generation
	files *Files
}

var _ logfile.Files = logFiles{}

func (l logFiles) Append(path string) (logfile.File, error) {
	if !l.g.alive() {
		return nil, errGone
	}
	path = l.g.path(path)
	if err := l.files.refusal(path); err != nil {
		return nil, err
	}
	file, err := logfile.Disk().Append(path)
	if err != nil {
		return nil, err
	}
	f := &logFile{file, l, path}
	l.g.locked.opened(file)
	if !l.g.alive() { // it was killed in between
		_ = f.Close()
		return nil, errGone
	}
	return f, nil
}

func (l logFiles) Check(path string) error {
	path = l.g.path(path)
	if err := l.files.refusal(path); err != nil {
		return err
	}
	return logfile.Disk().Check(path)
}

// logFile is a file open for appending.
type logFile struct {
	logfile.File
	in   logFiles
	path string
}

func (l *logFile) Close() error {
	l.in.g.locked.closed(l.File)
	return l.File.Close()
}

func (l *logFile) Write(b []byte) (n int, err error) {
	if !l.in.g.alive() {
		return len(b), nil // without an effect
	}
	if takes := l.in.files.takesNow(); takes > 0 {
		if err := l.in.g.wait(context.Background(), laneDisk, takes); err != nil {
			return len(b), nil // without an effect
		}
	}
	n, lack := l.in.files.grant(l.path, len(b))
	if n > 0 {
		n, err = l.File.Write(b[:n])
		l.setTimes(l.in.files.wall())
	}
	if err == nil {
		err = lack
	}
	return n, err
}

// setTimes gives the file the world's time.
func (l *logFile) setTimes(wall time.Time) {
	file, ok := l.File.(syscall.Conn)
	if !ok {
		return
	}
	if conn, err := file.SyscallConn(); err == nil { // unlike Fd, it may be closed meanwhile
		now := unix.NsecToTimeval(wall.UnixNano())
		_ = conn.Control(func(fd uintptr) { _ = unix.Futimes(int(fd), []unix.Timeval{now, now}) })
	}
}
