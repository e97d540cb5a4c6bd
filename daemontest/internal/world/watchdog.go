package world

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// guard waits for what the bubble ends with. A bubble whose progress stands
// still for limit of real time hangs: died names the goroutines to blame, and
// hung is true. A limit of 0 or less means none.
func guard(limit time.Duration, bubble string, progress func() int64, done <-chan string) (died string, hung bool) {
	if limit <= 0 {
		return <-done, false
	}
	tick := time.NewTicker(max(limit/10, time.Millisecond))
	defer tick.Stop()
	var last int64
	since := time.Now()
	for {
		select {
		case died := <-done:
			return died, false
		case <-tick.C:
			if p := progress(); p != last {
				last, since = p, time.Now()
			} else if time.Since(since) >= limit {
				return fmt.Sprintf("no progress for %s of real time: something in the bubble waits for the world outside it, "+
					"or computes for ever. A network connection, a child process, a channel made outside or a mutex held by a sleeper "+
					"stop the bubble's clock: use the fakes of the world, net.Pipe, or channels made inside.\n%s", limit, stacks(bubble, false)), true
			}
		}
	}
}

// bubbleName is how the headers of stacks name the bubble of this goroutine.
func bubbleName() string {
	buf := make([]byte, 256)
	head, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	if _, name, ok := strings.Cut(head, "synctest bubble "); ok {
		name, _, _ = strings.Cut(name, "]")
		name, _, _ = strings.Cut(name, ",")
		return "synctest bubble " + name
	}
	return "synctest bubble"
}

// stacks is what the goroutines of a bubble are doing: those that wait
// durably, or those that do not, which stop its clock.
func stacks(bubble string, durable bool) string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 16<<20 {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 4*len(buf))
	}
	var found []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		head, body, _ := strings.Cut(stack, "\n")
		if belongs(head, bubble) && strings.Contains(head, "(durable)") == durable && !strings.Contains(head, "synctest.Run") {
			found = append(found, head+"\n"+body)
		}
	}
	if len(found) == 0 {
		return "(no goroutine to blame was found)"
	}
	return strings.Join(found, "\n\n")
}

// belongs reports whether the header of a stack is of a goroutine of the
// bubble.
func belongs(head, bubble string) bool {
	_, rest, ok := strings.Cut(head, bubble)
	return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
}
