package logfile

import "io"

// Files is the part of a file system that a log needs. It is safe for
// concurrent use.
type Files interface {
	// Append opens path for appending. It creates the file if need be, with
	// mode 0644 or tighter, but no folder other than the one of a Daily file.
	// Of a symbolic link to a standard stream it returns a *StreamError.
	Append(path string) (File, error)

	// Check returns the error that Append would return, as far as can be told
	// without touching anything; none of a link to a standard stream.
	Check(path string) error
}

// File is a file open for appending. One goroutine at a time may use it.
type File interface {
	// Write appends in one piece; what several files append to one path does
	// not mix.
	io.WriteCloser

	// Path returns the path by which the disk knows the file.
	Path() string

	// Size returns how large the file is, in bytes; 0 where that cannot be told.
	Size() int64

	// Torn reports whether what is in the file ends within a line, as far as can
	// be told: its writer was cut off.
	Torn() bool

	// Deleted reports whether the file has no name any more, so that nobody will
	// read what is written to it.
	Deleted() bool

	// Moved reports whether the path that the file was opened under no longer
	// names it: it was renamed, replaced or deleted.
	Moved() bool
}
