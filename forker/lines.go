package forker

import "bytes"

// lineWriter hands what is written to it on line by line. A line that is longer
// than max comes in pieces.
type lineWriter struct {
	max  int
	line func(string)
	rest []byte // an unfinished line, shorter than max
}

func (w *lineWriter) Write(p []byte) (int, error) {
	length := len(p)
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		space := w.max - len(w.rest)
		switch {
		case end >= 0 && end <= space:
			w.emit(p[:end])
			p = p[end+1:]
		case len(p) <= space:
			w.rest = append(w.rest, p...)
			p = nil
		default:
			w.emit(p[:space])
			p = p[space:]
		}
	}
	return length, nil
}

func (w *lineWriter) emit(end []byte) {
	text := string(append(w.rest, end...))
	w.rest = w.rest[:0]
	w.line(text)
}

// flush hands on a last line without an end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.emit(nil)
	}
}
