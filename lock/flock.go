package lock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// flock is flock(2), with errors that say what to do. A lock that somebody
// else holds is EWOULDBLOCK.
func flock(file *os.File, how int) error {
	for {
		err := unix.Flock(int(file.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return flockError(file.Name(), err)
		}
	}
}

func flockError(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, unix.EWOULDBLOCK):
		return err
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("flock %s: this file system does not lock (%w): "+
			"put the lock file on a local one, for example under /run", path, err)
	}
	return fmt.Errorf("flock %s: %w: put the lock file on a local file system, for example under /run", path, err)
}
