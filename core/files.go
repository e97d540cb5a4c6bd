package core

import (
	"fmt"
	"os"

	"github.com/evertick/evertick/internal/safefile"
)

// diskFiles is the real Files.
type diskFiles struct{}

func (diskFiles) Append(path string) (AppendFile, error) {
	f, err := safefile.Open(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
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

func (diskFiles) Check(path string) error {
	return safefile.Check(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
}

type diskFile struct {
	*os.File
	path string
	info os.FileInfo
}

func (f *diskFile) Moved() bool {
	now, err := os.Stat(f.path)
	return err != nil || !os.SameFile(now, f.info)
}
