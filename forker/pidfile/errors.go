package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// errLocked says that a process holds a PID file's flock.
var errLocked = errors.New("it is in use")

// errChanging says that a PID file changed while we looked.
var errChanging = errors.New("it keeps changing hands; try again")

// errReplaced says that a PID file that we have locked is not at its path.
var errReplaced = errors.New("somebody has put another file in its place, which is left alone; " +
	"remove that one, or restart this daemon with a PID file of its own")

// errEmpty says that a PID file has no number in it.
var errEmpty = errors.New("it is empty; if no daemon is running, remove it")

// errForeign says that a file is not replaced, because it is no PID file.
var errForeign = errors.New("it holds something else than a process's number; name another path, or remove it")

// foreignError says what a file begins with that is no PID file.
type foreignError struct{ text []byte }

func (e foreignError) Error() string {
	return fmt.Sprintf("it holds %q instead of a process's number; is it the right file?", e.text)
}

// errRemoved says that a File is used after its Remove.
var errRemoved = errors.New("it has been removed by Remove")

// temporary is an error that may be gone in a moment: another process is
// between two steps of its Lock, or looks.
type temporary struct{ error }

// Unwrap returns the error that remains when it does not pass.
func (t temporary) Unwrap() error { return t.error }

const (
	// maxTries is how often a step is tried that meets a temporary error. It
	// is generous: a process between two steps may have to wait for its turn
	// on a busy machine.
	maxTries = 2000

	// retryPause is the time between two tries.
	retryPause = time.Millisecond
)

// retry calls do until its error is not a temporary one.
func retry[T any](clock clockwork.Clock, do func() (T, error)) (T, error) {
	for tries := 1; ; tries++ {
		value, err := do()
		var soon temporary
		if !errors.As(err, &soon) {
			return value, err
		}
		if tries == maxTries {
			return value, soon.error
		}
		_ = clockwork.Sleep(context.Background(), clock, retryPause)
	}
}

// explained is an error that names the path and the remedy itself.
type explained struct{ error }

// Unwrap returns the cause.
func (e explained) Unwrap() error { return e.error }

// wrap adds "PID file", what was being done, and the path, once. The errors are for
// administrators, whom a package's name says nothing.
func wrap(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	var e explained
	if !errors.As(err, &e) {
		err = fmt.Errorf("%s: %w", path, err)
	} else if doing != "" {
		doing += ":"
	}
	if doing != "" {
		doing += " "
	}
	return fmt.Errorf("PID file: %s%w", doing, err)
}

// plain takes off what os adds to an error and our own text says better.
func plain(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
