package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/evertick/evertick/internal/safefile"
)

// errForeign says that a file is not overwritten, because it is no lock file.
var errForeign = errors.New("it holds something else than a lock's details")

// checkContent refuses a file that no lock has written: it is somebody's, and the
// path is a mistake. A crash can leave an empty file, zeros, or a beginning of the
// details.
func checkContent(file *os.File) error {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxDetails))
	if err != nil {
		return fmt.Errorf("read %s: %w", file.Name(), err)
	}
	if len(bytes.Trim(text, "\x00 \n")) == 0 {
		return nil
	}
	var d struct {
		Token json.RawMessage `json:"token"` // whatever its value
	}
	err = json.NewDecoder(bytes.NewReader(text)).Decode(&d)
	whole := err == nil && d.Token != nil
	torn := errors.Is(err, io.ErrUnexpectedEOF) && len(text) < maxDetails && beginsDetails(text)
	if whole || torn {
		return nil
	}
	return fmt.Errorf("%s: %w (%.20q): name another path, or remove it", file.Name(), errForeign, text)
}

// beginsDetails reports whether text begins as details do, or is a beginning of that.
func beginsDetails(text []byte) bool {
	for _, start := range []string{`{"name":`, `{"token":`} {
		n := min(len(text), len(start))
		if string(text[:n]) == start[:n] {
			return true
		}
	}
	return false
}

// checkContentAt is checkContent for a file that may not be there.
func checkContentAt(path string) error {
	file, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil // Acquire says what is wrong
	}
	defer func() { _ = file.Close() }()
	return checkContent(file)
}
