package timeline

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// streams are the standard streams of a process, as far as their last lines are
// not complete.
type streams struct {
	mu   sync.Mutex // held for instants only
	rest [2]string  // of standard output, of standard error
	also []int      // the PIDs as which the process logs, besides its own
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

// inLog are the lines of a log, as package logfile writes them, with their PID.
var inLog = regexp.MustCompile(`^(?:\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (\d+) |\{"time":".*"pid":(\d+)\}$)`)

// withoutLog returns the lines of a text that are not of the log of a process:
// those with its own PID, and those that it logs as another one's.
func withoutLog(isOurs func(pid int) bool, text string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		pid := 0
		if parts := inLog.FindStringSubmatch(line); parts != nil {
			pid, _ = strconv.Atoi(parts[1] + parts[2])
		}
		if !isOurs(pid) {
			lines = append(lines, line)
		}
	}
	return lines
}
