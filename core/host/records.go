package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/evertick/evertick/internal/safefile"
)

// Records is small files that are whole at every instant. It is safe for
// concurrent use; each call may block as long as a disk may.
type Records interface {
	// Check returns the error that Replace would return, as far as can be told
	// without touching anything.
	Check(path string) error

	// Read returns what a file holds, up to 1 MB. The error wraps fs.ErrNotExist
	// where there is none.
	Read(path string) ([]byte, error)

	// Replace puts a file with the content in the place of the one at path, or
	// where there is none. It is on the disk when Replace returns. A crash may
	// leave path.new behind, which the next call overwrites.
	Replace(path string, content []byte) error

	// Overwrite is Replace without its promise about a power cut: it costs no
	// more than a write. Content of at most 1000 bytes is whole even so when the
	// process is killed meanwhile.
	Overwrite(path string, content []byte) error

	// Remove deletes a file. That there is none is no error.
	Remove(path string) error

	// Tail returns the end of any file, at most so many bytes.
	Tail(path string, most int64) ([]byte, error)
}

// Disk returns the records of the real file system. In a folder that others may
// write to it refuses what somebody else has put there.
func Disk() Records { return disk{} }

type disk struct{}

var _ Records = disk{}

// maxRecord is the longest record.
const maxRecord = 1 << 20

func (disk) Check(path string) error { return safefile.Check(path, os.O_RDWR|os.O_CREATE) }

func (disk) Read(path string) ([]byte, error) {
	f, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err == nil && len(content) > maxRecord {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxRecord)
	}
	return content, errors.Join(err, f.Close())
}

func (disk) Replace(path string, content []byte) error {
	if err := safefile.Check(path, os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	next := path + ".new"
	f, err := safefile.Open(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync() // before it gets its name, which could outlive a power cut that the content does not
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return nil
}

// oneWrite is how long an overwritten record is at least: a write of one block,
// without a truncation, is never half done.
const oneWrite = 1024

func (disk) Overwrite(path string, content []byte) error {
	f, err := safefile.Open(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if len(content) < oneWrite {
		content = append(bytes.Repeat([]byte(" "), oneWrite-len(content)), content...)
	}
	if _, err = f.WriteAt(content, 0); err == nil {
		err = f.Truncate(int64(len(content))) // what was longer
	}
	return errors.Join(err, f.Close())
}

func (disk) Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (disk) Tail(path string, most int64) ([]byte, error) {
	f, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(info.Size()-most, 0), most))
}
