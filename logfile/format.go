package logfile

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// formatter makes lines of messages.
type formatter struct {
	pid  int
	json bool

	wall   time.Time
	prefix []byte // [2026-11-23 08:12:44] 12345, made once a second
}

// setTime sets the time of the next lines.
func (f *formatter) setTime(wall time.Time) {
	same := len(f.prefix) > 0 && f.wall.Unix() == wall.Unix()
	f.wall = wall
	if same {
		return
	}
	f.prefix = append(f.prefix[:0], '[')
	f.prefix = wall.AppendFormat(f.prefix, time.DateTime)
	f.prefix = append(f.prefix, "] "...)
	f.prefix = strconv.AppendInt(f.prefix, int64(f.pid), 10)
	f.prefix = append(f.prefix, ' ')
}

// append appends a message as lines of the log.
func (f *formatter) append(b []byte, level Level, message string) []byte {
	if f.json {
		return f.appendJSON(b, level, message)
	}
	message = strings.TrimSuffix(message, "\n")
	for line := range strings.SplitSeq(message, "\n") {
		b = append(b, f.prefix...)
		b = appendPrintable(b, line)
		b = append(b, '\n')
	}
	return b
}

// object is a message in a JSON log, with the keys of slog.JSONHandler.
type object struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"`
	Msg   string    `json:"msg"`
	PID   int       `json:"pid"`
}

func (f *formatter) appendJSON(b []byte, level Level, message string) []byte {
	out := bytes.NewBuffer(b)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(object{f.wall, level.word(), message, f.pid}) // a buffer takes everything
	return out.Bytes()
}

// appendPrintable appends s with an escape for each character that could
// deceive a terminal or a reader of the log.
func appendPrintable(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f || c == '\t' {
			b = append(b, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\x`...)
			b = append(b, hex[c>>4], hex[c&15])
		case unicode.IsPrint(r):
			b = append(b, s[i:i+size]...)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return b
}

const hex = "0123456789abcdef"
