package timeline

import (
	"fmt"
	"strings"
	"sync"
)

// streams are the standard streams of a process, as far as their last lines are
// not complete.
type streams struct {
	mu   sync.Mutex // held for instants only
	rest [2]string  // of standard output, of standard error
}

// write takes what is written to a stream, and returns the lines that are
// complete.
func (s *streams) write(kind Kind, b []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.rest[kind-Stdout] + string(b)
	end := strings.LastIndexByte(text, '\n') + 1
	s.rest[kind-Stdout] = text[end:]
	return text[:end]
}

// end returns a last line that was never completed.
func (s *streams) end(kind Kind) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rest[kind-Stdout]
}

// withoutLog returns the lines of a text that are not of the log of the process
// with that PID, as package logfile writes them.
func withoutLog(pid int, text string) (lines []string) {
	const stamp = len("[2006-01-02 15:04:05] ")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		isText := len(line) > stamp && line[0] == '[' && line[stamp-2] == ']' && strings.HasPrefix(line[stamp:], fmt.Sprintf("%d ", pid))
		isJSON := strings.HasPrefix(line, `{"time":"`) && strings.HasSuffix(line, fmt.Sprintf(`"pid":%d}`, pid))
		if !isText && !isJSON {
			lines = append(lines, line)
		}
	}
	return lines
}
