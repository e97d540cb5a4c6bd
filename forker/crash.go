package forker

import "strings"

const (
	// maxStack is how many lines of a crash are kept.
	maxStack = 200

	// maxLast is how many of the last lines of standard error are kept.
	maxLast = 20
)

// memorySayings are what Go's runtime, C and the race detector say when they get
// no memory, for a thread's stack among others.
var memorySayings = []string{
	"out of memory", "cannot allocate memory", "failed to create new OS thread", "pthread_create failed",
	"Sanitizer failed to allocate",
}

// crash is what a child's standard error tells about its end.
type crash struct {
	last        []string
	value       string   // of the last panic or fatal error of the Go runtime
	stack       []string // what follows it
	outOfMemory bool
}

// note reads a line of standard error.
func (k *crash) note(line string) {
	if len(k.last) == maxLast {
		k.last = append(k.last[:0], k.last[1:]...)
	}
	k.last = append(k.last, line)

	value, panicked := strings.CutPrefix(line, "panic: ")
	switch {
	case panicked:
		k.value, k.stack = value, nil
	case strings.HasPrefix(line, "fatal error: "):
		k.value, k.stack = line, nil
	case k.value != "" && len(k.stack) < maxStack:
		k.stack = append(k.stack, line)
	}
	for _, said := range memorySayings {
		k.outOfMemory = k.outOfMemory || strings.Contains(line, said)
	}
}
