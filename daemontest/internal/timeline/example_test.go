package timeline_test

import (
	"errors"
	"os"
	"time"

	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Two processes write into one timeline. The lines of iterations that failed
// are marked.
func Example() {
	var now time.Duration
	t := timeline.New(func() time.Duration { return now })
	launcher, daemon := t.Source(100), t.Source(101)

	daemon.Begin(1, 5*time.Second)
	launcher.Add(timeline.End, "exit status 0")
	now = 7 * time.Second
	daemon.End(1, 7*time.Second, errors.New("no connection"))
	t.Source(0).Add(timeline.Step, "SIGTERM")

	t.Write(os.Stdout, func(e timeline.Entry) bool { return e.Failed })
	// Output:
	// > 00:00.000  101 execute #1 ... 7s  OVERRUN +2s  FAILED: no connection
	//   00:00.000  100 end: exit status 0
	//   00:07.000  step: SIGTERM
}
