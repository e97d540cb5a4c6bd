package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/evertick/evertick/internal/safefile"
)

// Disk returns the real file system. In a folder that others may write to it
// follows no symbolic link, and refuses a file that belongs to somebody else.
// Its errors name the path and a remedy.
func Disk() Files { return disk{} }

type disk struct{}

var _ Files = disk{}

const appendFlags = os.O_WRONLY | os.O_APPEND | os.O_CREATE

func (disk) Append(path string) (File, error) {
	if to := linked(path); to != "" {
		return nil, &StreamError{path, to}
	}
	f, err := safefile.Open(path, appendFlags, 0o644)
	if errors.Is(err, fs.ErrNotExist) && daily(path) && os.Mkdir(filepath.Dir(path), 0o755) == nil {
		f, err = safefile.Open(path, appendFlags, 0o644)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("look at the open file %s: %w", path, err)
	}
	return &diskFile{File: f, path: path, info: info}, nil
}

func (disk) Check(path string) error {
	if linked(path) != "" {
		return nil
	}
	err := safefile.Check(path, appendFlags)
	dir := filepath.Dir(path)
	if errors.Is(err, fs.ErrNotExist) && daily(path) && unix.Access(filepath.Dir(dir), unix.W_OK|unix.X_OK) == nil {
		if _, missing := os.Lstat(dir); errors.Is(missing, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// linked returns the standard stream that path is a symbolic link to, by the rules
// of safefile for links; empty for everything else.
func linked(path string) string {
	to, err := safefile.Follow(path, IsStream)
	if err != nil || to == path {
		return ""
	}
	return to
}

// daily reports whether path is one of Daily, whose folder is created.
func daily(path string) bool {
	day, isLog := strings.CutSuffix(filepath.Base(path), ".log")
	_, err := time.Parse(time.DateOnly, day)
	return isLog && err == nil
}

type diskFile struct {
	*os.File
	path string
	info os.FileInfo // of the file when it was opened
}

func (f *diskFile) Path() string { return f.Name() }

func (f *diskFile) Size() int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// Torn reads the last byte through a descriptor of its own, as this one is for
// writing.
func (f *diskFile) Torn() bool {
	file, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() == 0 || !os.SameFile(info, f.info) {
		return false
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

func (f *diskFile) Deleted() bool {
	var now unix.Stat_t
	return unix.Fstat(int(f.Fd()), &now) != nil || now.Nlink == 0
}

func (f *diskFile) Moved() bool {
	now, err := os.Stat(f.path)
	return err != nil || !os.SameFile(now, f.info)
}
