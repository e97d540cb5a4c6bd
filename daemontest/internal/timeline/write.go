package timeline

import (
	"fmt"
	"io"
	"strings"
)

// Write puts the timeline into words, a line or more for each entry. mark,
// where not nil, chooses the lines to be marked with a >.
func (t *Timeline) Write(out io.Writer, mark func(Entry) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	several := t.several()
	for i := range t.entries.len() {
		e := t.entries.get(i)
		e.write(out, mark != nil && mark(e), several)
	}
}

// write puts the entry into words; several says that its process must be named.
func (e *Entry) write(out io.Writer, marked, several bool) {
	sign, who := "  ", ""
	if marked {
		sign = "> "
	}
	if several && e.PID != 0 {
		who = fmt.Sprintf("%d ", e.PID)
	}
	text := strings.ReplaceAll(strings.TrimRight(e.String(), "\n"), "\n", "\n                 | ")
	fmt.Fprintf(out, "%s%s  %s%s\n", sign, stamp(e.At), who, text)
}

// several reports whether more than one process is in the timeline. The mutex
// is held.
func (t *Timeline) several() bool {
	first := 0
	for i := range t.entries.len() {
		switch pid := t.entries.get(i).PID; {
		case pid == 0 || pid == first:
		case first == 0:
			first = pid
		default:
			return true
		}
	}
	return false
}
