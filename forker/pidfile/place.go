package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/safefile"
)

// checkPlace reports whether a PID file could be at path.
func checkPlace(path string) error {
	if err := noLink(path); err != nil {
		return err
	}
	err := safefile.Check(path, os.O_RDWR)
	exists := !errors.Is(err, fs.ErrNotExist)
	if !exists {
		err = safefile.Check(path, os.O_RDWR|os.O_CREATE)
	}
	if err != nil {
		return explained{err}
	}
	if exists {
		if err := checkContentAt(path); err != nil {
			return err
		}
	}
	folder := filepath.Dir(path) // where a dead process's file is replaced
	if err := unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("folder %s: %w; let user %d write in it, or name another path", folder, err, os.Geteuid())
	}
	return nil
}

// checkContentAt refuses a path at which something else than a PID file is.
func checkContentAt(path string) error {
	file, err := openOwn(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was removed just now
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return checkContent(file)
}

// openOwn opens a file that this process may rely on.
func openOwn(path string, flag int) (*os.File, error) {
	if err := noLink(path); err != nil {
		return nil, err
	}
	file, err := safefile.Open(path, flag, 0o644)
	if err != nil {
		return nil, explained{err}
	}
	return file, nil
}

// noLink refuses a symbolic link: Lock replaces what is at the path itself, and
// would leave the file that the link leads to as it is.
func noLink(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("it is a symbolic link; remove it, or name the file that it leads to: %w", syscall.ELOOP)
	}
	return nil
}
