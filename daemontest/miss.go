package daemontest

import (
	"fmt"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// miss is something wanted that is not so.
type miss struct {
	text  string
	mark  func(timeline.Entry) bool // the lines of the timeline to look at; nil: none
	focus func(timeline.Entry) bool // those to look at first; nil: none
}

func missed(mark func(timeline.Entry) bool, format string, args ...any) *miss {
	return &miss{text: fmt.Sprintf(format, args...), mark: mark}
}
