package ini

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxSize is how large a file may be, in bytes. Nobody writes more by hand.
const maxSize = 1 << 20

// read returns the text of the file at path. name is what people call it.
func read(path, name string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: there is no such file: %w", name, fs.ErrNotExist)
	case errors.Is(err, syscall.ELOOP):
		return "", fmt.Errorf("%s is a symbolic link that leads to itself: name a file: %w", name, syscall.ELOOP)
	case err != nil:
		return "", fmt.Errorf("%s: %w: let the daemon's user read it", name, bare(err))
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder: name a file in it", name)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file (%s): name one", name, info.Mode().Type())
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w: let the daemon's user read it", name, bare(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", name, bare(err))
	case len(text) > maxSize:
		return "", fmt.Errorf("%s is larger than %d bytes: is it the right file?", name, maxSize)
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}), bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		return "", fmt.Errorf("%s is in UTF-16: save it as UTF-8", name)
	}
	return string(text), nil
}

// bare leaves out the path, which is in front already.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
