package logfile

import (
	"fmt"
	"strings"
)

// Level is how much a message matters. The numbers are those of log/slog.
type Level int

// The levels. A log writes the messages from one of them on: Info is the zero
// value.
const (
	Debug Level = -4
	Info  Level = 0
	Warn  Level = 4
	Error Level = 8
)

// levelNames are the names in flags and configuration files, the lowest first.
var levelNames = []struct {
	level Level
	name  string
}{{Debug, "debug"}, {Info, "info"}, {Warn, "warn"}, {Error, "error"}}

// String returns the name of the level, or that of the next lower one with what is
// above it, as log/slog does: "info", "info+2".
func (l Level) String() string {
	at := levelNames[0]
	for _, n := range levelNames {
		if l >= n.level {
			at = n
		}
	}
	if l == at.level {
		return at.name
	}
	return fmt.Sprintf("%s%+d", at.name, int(l-at.level))
}

// word returns the level as a JSON log has it.
func (l Level) word() string { return strings.ToUpper(l.String()) }

// ParseLevel returns the level of a name: debug, info, warn or error.
func ParseLevel(name string) (Level, error) {
	for _, n := range levelNames {
		if strings.EqualFold(name, n.name) {
			return n.level, nil
		}
	}
	return 0, fmt.Errorf("%q is no level of a log: give debug, info, warn or error", name)
}

// The words that a message of text begins with.
const (
	debugWord = "Debug: "
	warnWord  = "Warning: "
	errorWord = "Error: "
)

// Word returns what a message of this level begins with: "Error: ", "Warning: ",
// "Debug: ", or nothing.
func (l Level) Word() string {
	switch {
	case l >= Error:
		return errorWord
	case l >= Warn:
		return warnWord
	case l < Info:
		return debugWord
	default:
		return ""
	}
}

// levelOf returns the level of a message that says it by its first word. What is
// called debugging there is written all the same: it may be a child's.
func levelOf(message string) Level {
	switch {
	case strings.HasPrefix(message, errorWord):
		return Error
	case strings.HasPrefix(message, warnWord):
		return Warn
	default:
		return Info
	}
}

// Enabled reports whether messages of a level are written.
func (l *Log) Enabled(level Level) bool { return int64(level) >= l.level.Load() }
