package forker

import "strings"

const (
	// maxStack is how many lines of a crash are kept.
	maxStack = 200

	// maxLast is how many of the last lines of standard error are kept.
	maxLast = 20
)

// memorySayings are what Go's runtime, C and the race detector say when they get
// no memory, for a thread's stack among others. The last one is where the garbage
// collector of Go 1.26 dies by SIGSEGV, because it takes for granted that it gets
// some.
var memorySayings = []string{
	"out of memory", "cannot allocate memory", "failed to create new OS thread", "pthread_create failed",
	"Sanitizer failed to allocate", "runtime.(*spanQueue).tryDrain(",
}

// crash is what a child's standard error tells about its end.
type crash struct {
	Last        []string `json:"last,omitempty"`
	Value       string   `json:"value,omitempty"` // of the last panic or fatal error of the Go runtime
	Stack       []string `json:"stack,omitempty"` // what follows it
	OutOfMemory bool     `json:"out_of_memory,omitempty"`
}

// note reads a line of standard error.
func (k *crash) note(line string) {
	if len(k.Last) == maxLast {
		k.Last = append(k.Last[:0], k.Last[1:]...)
	}
	k.Last = append(k.Last, line)

	value, panicked := strings.CutPrefix(line, "panic: ")
	switch {
	case panicked:
		k.Value, k.Stack = value, nil
	case strings.HasPrefix(line, "fatal error: "):
		k.Value, k.Stack = line, nil
	case k.Value != "" && len(k.Stack) < maxStack:
		k.Stack = append(k.Stack, line)
	}
	for _, said := range memorySayings {
		k.OutOfMemory = k.OutOfMemory || strings.Contains(line, said)
	}
}
