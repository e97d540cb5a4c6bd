package logfile

import (
	"cmp"
	"io"
	"os"
)

// The paths that are no files: a log that belongs into one of them goes to that
// standard stream, or nowhere. So does one whose path is a symbolic link to one of
// them, as images of containers have it.
const (
	Stdout = "/dev/stdout"
	Stderr = "/dev/stderr"
	Null   = os.DevNull
)

// IsStream reports whether path is one of Stdout, Stderr and Null, which need no
// folder and are not rotated.
func IsStream(path string) bool { return path == Stdout || path == Stderr || path == Null }

// stream reports whether the log that belongs into path is no file.
func stream(path string) bool { return path == "" || IsStream(path) }

// StreamError says that a path is no file but a symbolic link to a standard stream.
type StreamError struct {
	// Path is the link.
	Path string

	// Stream is where it leads to: Stdout, Stderr or Null.
	Stream string
}

// Error names both.
func (e *StreamError) Error() string {
	return "open " + e.Path + ": it is a symbolic link to " + e.Stream + ", and no file"
}

// target returns the path that lines go to: the one that the log belongs into, or
// the standard stream to which that is a link.
func (l *Log) target() string { return cmp.Or(l.linked, l.path) }

// toStream queues finished lines for the standard stream that path names.
func (l *Log) toStream(path string, line []byte) {
	switch path {
	case Null:
	case Stderr:
		l.queue(l.stderr, line)
	default:
		l.toStdout(line)
	}
}

// orDiscard returns io.Discard for a writer that leads nowhere.
func orDiscard(w io.Writer) io.Writer {
	f, ok := w.(*os.File)
	if w == nil || ok && isNull(f) {
		return io.Discard
	}
	return w
}

func isNull(f *os.File) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(is, null)
}
