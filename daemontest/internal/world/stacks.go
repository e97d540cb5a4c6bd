package world

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
)

// goroutine is one goroutine of a bubble, as a dump of all stacks shows it.
type goroutine struct {
	id      string
	state   string // the dump's word for it, such as "IO wait"
	durable bool   // it waits for others of its bubble, or for time
	stack   string
}

// frame is one function of a stack; the last one may be that which started the
// goroutine.
type frame struct {
	function, at string
	creator      bool
}

// bubbleName returns how a dump names the bubble of this goroutine; "" outside
// of bubbles.
func bubbleName() string {
	buf := make([]byte, 256)
	head, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
	_, name, ok := strings.Cut(head, ", synctest bubble ")
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(name, "]")
	number, _, _ = strings.Cut(number, ",")
	return "synctest bubble " + number
}

// sample is what the goroutines of a bubble are doing at one moment.
type sample struct {
	busy    []goroutine // those that stop the bubble's clock
	durable []goroutine // those that do not
	idle    bool        // the clock is moving: all others wait for it
}

// dump is a buffer for the stacks of all goroutines, which grows as needed.
type dump []byte

const (
	smallDump   = 64 << 10
	largestDump = 16 << 20
)

// sample stops the program for an instant and looks at a bubble.
func (d *dump) sample(bubble string) sample {
	if *d == nil {
		*d = make([]byte, smallDump)
	}
	n := runtime.Stack(*d, true)
	for n == len(*d) && n < largestDump {
		*d = make([]byte, 4*n)
		n = runtime.Stack(*d, true)
	}
	return parse(string((*d)[:n]), bubble)
}

// parse finds the goroutines of a bubble in a dump. The one that runs the
// bubble's clock is told by its frames: it sleeps while any other one runs.
func parse(text, bubble string) (s sample) {
	for stack := range strings.SplitSeq(text, "\n\n") {
		head, body, _ := strings.Cut(stack, "\n")
		if !belongs(head, bubble) {
			continue
		}
		g := goroutine{durable: strings.Contains(head, "(durable)"), stack: body}
		id, state, _ := strings.Cut(head, " [")
		g.id = strings.TrimPrefix(id, "goroutine ")
		g.state, _, _ = strings.Cut(strings.TrimRight(state, "]:"), ",")
		g.state = strings.TrimSuffix(g.state, " (durable)")
		switch clock := strings.Contains(body, "internal/synctest.Run("); {
		case clock && !g.durable:
			s.idle = true
		case clock:
		case g.durable:
			s.durable = append(s.durable, g)
		default:
			s.busy = append(s.busy, g)
		}
	}
	s.idle = s.idle || len(s.busy) == 0
	return s
}

// belongs reports whether the header of a stack is of a goroutine of the
// bubble.
func belongs(head, bubble string) bool {
	_, rest, ok := strings.Cut(head, bubble)
	return ok && (rest == "" || rest[0] < '0' || rest[0] > '9')
}

// frames returns the functions of the stack, the innermost first.
func (g goroutine) frames() (frames []frame) {
	lines := strings.Split(strings.TrimRight(g.stack, "\n"), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		var f frame
		if f.function, f.creator = strings.CutPrefix(lines[i], "created by "); f.creator {
			f.function, _, _ = strings.Cut(f.function, " in goroutine ")
		} else if args := strings.LastIndexByte(f.function, '('); args > 0 {
			f.function = f.function[:args]
		}
		f.at, _, _ = strings.Cut(strings.TrimSpace(lines[i+1]), " +0x")
		frames = append(frames, f)
	}
	return frames
}

// calls reports whether a function of the stack begins with one of the names.
func (g goroutine) calls(names ...string) bool {
	return slices.ContainsFunc(g.frames(), func(f frame) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(f.function, name) })
	})
}

// goroot is the folder of the standard library's sources, with a slash; "" in
// binaries that are built without paths.
var goroot = func() string {
	f := runtime.FuncForPC(reflect.ValueOf(runtime.GC).Pointer())
	file, _ := f.FileLine(f.Entry())
	root, _, _ := strings.Cut(file, "runtime/mgc.go")
	return root
}()

// machinery reports whether the function is the Go runtime's or the harness's.
func (f frame) machinery() bool {
	if own, ok := strings.CutPrefix(f.function, "github.com/evertick/evertick/"); ok {
		return !strings.HasPrefix(own, "examples/") && !strings.Contains(f.at, "_test.go:")
	}
	return slices.ContainsFunc([]string{"runtime.", "internal/", "testing.", "testing/synctest."}, func(prefix string) bool {
		return strings.HasPrefix(f.function, prefix)
	})
}

// users reports whether the function is the user's, or of a library of the
// user's.
func (f frame) users() bool {
	return !f.machinery() && (goroot == "" || !strings.HasPrefix(f.at, goroot))
}

// ofUser reports whether the goroutine runs a function of the user's.
func (g goroutine) ofUser() bool { return slices.ContainsFunc(g.frames(), frame.users) }

// String returns the goroutine as a report shows it.
func (g goroutine) String() string { return "goroutine " + g.id + " [" + g.state + "]" + g.place() }

// place returns the function that the user's code has called, and how the code
// has come there. Where there is no such code, it is all but the machinery.
func (g goroutine) place() string {
	shown := slices.DeleteFunc(g.frames(), frame.machinery)
	if len(shown) == 0 {
		shown = g.frames()
	}
	var b strings.Builder
	if first := slices.IndexFunc(shown, frame.users); first >= 0 {
		if first > 0 {
			b.WriteString(" in " + shown[first-1].function)
		}
		shown = slices.DeleteFunc(shown, func(f frame) bool { return !f.users() })
	}
	b.WriteString(":")
	for _, f := range shown {
		by := ""
		if f.creator {
			by = "created by "
		}
		b.WriteString("\n\t" + by + f.function + "\n\t\t" + f.at)
	}
	return b.String()
}

// leftovers returns the stacks of the goroutines of a bubble that wait for one
// another.
func leftovers(bubble string) (stacks string, n int) {
	var d dump
	var all []string
	for _, g := range d.sample(bubble).durable {
		all = append(all, g.String())
	}
	return strings.Join(all, "\n"), len(all)
}
