package main

import (
	"errors"
	"io"
	"os"
)

// replace puts a file that write has filled in the place of the one at path.
// Whatever happens meanwhile, readers of path find all of the old content or all
// of the new. A crash may leave path.new behind, which the next call overwrites.
// Only one process at a time may call it, which the daemon's lock sees to.
func replace(path string, write func(io.Writer) error) error {
	next, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	// On the disk before it gets its name: the rename could outlive a power cut
	// that the content does not.
	err = write(next)
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}
