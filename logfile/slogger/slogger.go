package slogger

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/logfile"
)

// Daemon is what a logger needs of a daemon: core.Daemon has it.
type Daemon interface{ Log() *logfile.Log }

// New returns a logger that writes to the daemon's log. Call it from Setup or
// later, when the log's settings are known.
func New(d Daemon) *slog.Logger { return slog.New(Handler(d.Log())) }

// Handler returns a handler that writes records to the log, from the level of the
// log on. Whether as text, as JSON or to a handler of the user's own (see To) is
// settled by the log's Configure before it. As text a record is its message, after
// "Debug: ", "Warning: " or "Error: ", and its attributes. A slog.LogValuer must
// not log through it.
func Handler(l *logfile.Log) slog.Handler {
	if s, ok := l.Settings().Handler.(sink); ok {
		return textOf(l, s.with(l.Config().PID))
	}
	if l.Settings().JSON {
		pid := []slog.Attr{slog.Int("pid", l.Config().PID)}
		return jsonHandler{l, slog.NewJSONHandler(lineWriter{l}, &slog.HandlerOptions{Level: all}).WithAttrs(pid)}
	}
	return textOf(l, nil)
}

// all is below every level: which ones count is the log's.
const all = slog.Level(math.MinInt)

// textOf returns a handler that writes text; the records themselves go to direct,
// where the log belongs to a handler.
func textOf(l *logfile.Log, direct slog.Handler) slog.Handler {
	h := textHandler{log: l, mu: &sync.Mutex{}, out: &bytes.Buffer{}, direct: direct}
	h.inner = slog.NewTextHandler(h.out, &slog.HandlerOptions{Level: all, ReplaceAttr: attributesOnly})
	return h
}

// lineWriter takes the lines of slog.JSONHandler, one in each Write.
type lineWriter struct{ log *logfile.Log }

func (w lineWriter) Write(line []byte) (int, error) {
	w.log.WriteLine(line)
	return len(line), nil
}

// jsonHandler writes records as JSON objects.
type jsonHandler struct {
	log   *logfile.Log
	inner slog.Handler // writes to a lineWriter
}

var _ slog.Handler = jsonHandler{}

func (h jsonHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.log.Enabled(logfile.Level(level))
}

func (h jsonHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = h.log.Config().Clock.Wall()
	if err := h.inner.Handle(ctx, r); err != nil {
		return err
	}
	if observe := h.log.Config().Observe; observe != nil {
		observe(h.log.Config().PID, r.Message)
	}
	return nil
}

func (h jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return jsonHandler{h.log, h.inner.WithAttrs(attrs)}
}

func (h jsonHandler) WithGroup(name string) slog.Handler {
	return jsonHandler{h.log, h.inner.WithGroup(name)}
}

// textHandler writes records as text.
type textHandler struct {
	log   *logfile.Log
	mu    *sync.Mutex // guards out, which all handlers derived from one share
	out   *bytes.Buffer
	inner slog.Handler // writes the attributes of a record to out

	direct slog.Handler // takes the record as it is; nil where only its text is logged
}

var _ slog.Handler = textHandler{}

func (h textHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.log.Enabled(logfile.Level(level)) && (h.direct == nil || h.direct.Enabled(ctx, level))
}

func (h textHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs, err := h.attributes(ctx, r)
	if err != nil {
		return err
	}
	level := logfile.Level(r.Level)
	text := level.Word() + r.Message
	if attrs != "" {
		text += " " + attrs
	}
	var deliver func() error
	if h.direct != nil {
		r, ctx := r.Clone(), context.WithoutCancel(ctx) // the caller may not wait for it
		deliver = func() error {
			r.Time = h.log.Config().Clock.Wall()
			return h.direct.Handle(ctx, r)
		}
	}
	h.log.Deliver(level, text, deliver)
	return nil
}

func (h textHandler) attributes(ctx context.Context, r slog.Record) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out.Reset()
	r.Time, r.Level, r.Message = time.Time{}, ownLevel, ownMessage
	if err := h.inner.Handle(ctx, r); err != nil {
		return "", err
	}
	return strings.TrimSpace(h.out.String()), nil
}

func (h textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.inner = h.inner.WithAttrs(attrs)
	if h.direct != nil {
		h.direct = h.direct.WithAttrs(attrs)
	}
	return h
}

func (h textHandler) WithGroup(name string) slog.Handler {
	h.inner = h.inner.WithGroup(name)
	if h.direct != nil {
		h.direct = h.direct.WithGroup(name)
	}
	return h
}

// The record's own level and message go to the inner handler as these, to tell
// them from attributes of the same names; a zero time is left out anyway.
const (
	ownLevel   = all
	ownMessage = "\x00the record's own message\x00"
)

// attributesOnly drops what the log's own format holds already.
func attributesOnly(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) > 0:
	case a.Key == slog.LevelKey && a.Value.Kind() == slog.KindAny && a.Value.Any() == any(ownLevel),
		a.Key == slog.MessageKey && a.Value.Kind() == slog.KindString && a.Value.String() == ownMessage:
		return slog.Attr{}
	}
	return a
}
