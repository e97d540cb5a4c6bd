package core

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// format appends message as lines of the log: each line of the message under
// the same prefix. Control characters, of which a terminal or a reader of the
// log could be deceived, are shown as escapes.
func (l *logbook) format(b []byte, wall time.Time, message string) []byte {
	if l.set.json {
		return l.formatJSON(b, wall, message)
	}
	message = strings.TrimSuffix(message, "\n")
	for line := range strings.SplitSeq(message, "\n") {
		b = append(b, l.stamp...)
		b = appendPrintable(b, line)
		b = append(b, '\n')
	}
	return b
}

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

func (l *logbook) formatJSON(b []byte, wall time.Time, message string) []byte {
	var out bytes.Buffer
	r := slog.NewRecord(wall, slog.LevelInfo, message, 0)
	// Errors of an in-memory JSON handler over strings and numbers cannot be.
	_ = l.jsonHandler(&out).Handle(context.Background(), r)
	return append(b, out.Bytes()...)
}

func (l *logbook) jsonHandler(out *bytes.Buffer) slog.Handler {
	return slog.NewJSONHandler(out, nil).WithAttrs([]slog.Attr{slog.Int("pid", l.host.Processes.PID())})
}

// slogHandler writes records of log/slog to the daemon's log.
type slogHandler struct {
	log   *logbook
	json  bool
	mu    *sync.Mutex // guards out, which all handlers derived from one share
	out   *bytes.Buffer
	inner slog.Handler // formats a record, or in text mode its attributes, to out
}

func (l *logbook) handler() slog.Handler {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := slogHandler{log: l, json: l.set.json, mu: &sync.Mutex{}, out: &bytes.Buffer{}}
	if h.json {
		h.inner = l.jsonHandler(h.out)
		return h
	}
	h.inner = slog.NewTextHandler(h.out, &slog.HandlerOptions{ReplaceAttr: attributesOnly})
	return h
}

// attributesOnly drops what the log's own format holds already.
func attributesOnly(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey || a.Key == slog.TimeKey) {
		return slog.Attr{}
	}
	return a
}

// Enabled lets everything from Info on through.
func (h slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

// Handle writes one record.
func (h slogHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out.Reset()
	if h.json {
		r.Time = h.log.host.Clock.Wall()
	}
	if err := h.inner.Handle(ctx, r); err != nil {
		return err
	}
	if h.json {
		h.log.raw(h.out.Bytes(), r.Message)
		return nil
	}
	text := levelWord(r.Level) + r.Message
	if attrs := strings.TrimSpace(h.out.String()); attrs != "" {
		text += " " + attrs
	}
	h.log.print(text)
	return nil
}

func levelWord(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "Error: "
	case level >= slog.LevelWarn:
		return "Warning: "
	default:
		return ""
	}
}

// WithAttrs is part of slog.Handler.
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.inner = h.inner.WithAttrs(attrs)
	return h
}

// WithGroup is part of slog.Handler.
func (h slogHandler) WithGroup(name string) slog.Handler {
	h.inner = h.inner.WithGroup(name)
	return h
}
