package lock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
)

const (
	// maxDetails is how much of a lock file is read: JSON writes a byte of a
	// command line as six at most.
	maxDetails = 8192

	// maxCommand is how much of a command line is read.
	maxCommand = 1 << 10

	// maxToken is the greatest token that a lock file can have come to by
	// itself. A greater one is garbage, and would leave no space to grow.
	maxToken = 1 << 62
)

// details is what a lock file says. Of a lock that was released, only the
// token is left.
type details struct {
	Owner
	Token uint64 `json:"token"`
}

// readDetails reads the first JSON value of the file. What follows it may be
// the rest of something longer that is just being replaced.
func readDetails(file *os.File) (details, error) {
	var d details
	text := io.NewSectionReader(file, 0, maxDetails)
	if err := json.NewDecoder(text).Decode(&d); err != nil {
		return details{}, fmt.Errorf("read the details in %s: %w", file.Name(), err)
	}
	d.Name, d.Host, d.Start = printable(d.Name), printable(d.Host), printable(d.Start)
	d.Command = printable(d.Command[:min(len(d.Command), maxCommand)])
	return d, nil
}

// printable keeps a file that people may have edited from forging log lines.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// write puts the details into the file: one write and then the cut, so that a
// reader finds a whole first value at any time.
func (d details) write(file *os.File) error {
	var value any = d
	if d.Owner == (Owner{}) {
		value = struct {
			Token uint64 `json:"token"`
		}{d.Token}
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		return err
	}
	if _, err := file.WriteAt(text.Bytes(), 0); err != nil {
		return err
	}
	return file.Truncate(int64(text.Len()))
}

// nextToken grows beyond the last token. The microseconds of the wall clock
// make it grow even where the last one can no longer be read.
func nextToken(last uint64, now time.Time) uint64 {
	token := uint64(1)
	if micros := now.UnixMicro(); micros > 0 {
		token = uint64(micros)
	}
	if last >= maxToken {
		return token
	}
	return max(token, last+1)
}
