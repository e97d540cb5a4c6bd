package timeline

import (
	"strings"
	"testing"
	"time"
)

// still is a timeline whose time stands still at 0.
func still() *Timeline { return New(func() time.Duration { return 0 }) }

func words(t *Timeline) string {
	var b strings.Builder
	t.Write(&b, nil)
	return b.String()
}

// An iteration that was abandoned is completed even after another one of its
// process has begun; one that is unknown is left alone.
func TestAnAbandonedIterationIsCompleted(t *testing.T) {
	tl := still()
	one, other := tl.Source(1), tl.Source(2)
	one.Begin(1, 0)
	other.Begin(1, 0)
	one.Begin(2, 0)
	one.End(1, time.Second, nil)
	one.End(7, time.Second, nil)
	want := "  00:00.000  1 execute #1 ... 1s\n" +
		"  00:00.000  2 execute #1 ... does not return\n" +
		"  00:00.000  1 execute #2 ... does not return\n"
	if got := words(tl); got != want {
		t.Errorf("the timeline is\n%s\nwant\n%s", got, want)
	}
}

// Watch receives log lines, and the start and end of iterations, and nothing
// else.
func TestWatch(t *testing.T) {
	tl := still()
	var seen []string
	tl.Watch(func(e Entry) { seen = append(seen, e.String()) })
	s := tl.Source(1)
	s.Begin(1, 0)
	s.Add(Log, "one")
	s.Add(State, "sleeping")
	s.End(1, time.Second, nil)
	want := "execute #1 ... does not return; log: one; execute #1 ... 1s"
	if got := strings.Join(seen, "; "); got != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

// More entries at one instant than can be are a spin: a failure says so once,
// and the record grows by iterations alone.
func TestASpinIsFoundOnce(t *testing.T) {
	tl := still()
	s := tl.Source(1)
	for range spinLimit {
		s.Add(State, "")
	}
	if tl.Spins() {
		t.Errorf("%d entries are a spin", spinLimit)
	}
	if s.Begin(1, 0) || !tl.Spins() {
		t.Errorf("%d entries are no spin", spinLimit+1)
	}
	for range 10 {
		s.Add(State, "")
	}
	if failures := tl.Failures(); len(failures) != 1 || !strings.HasPrefix(failures[0], "spin: ") {
		t.Errorf("failures %q", failures)
	}
	if n := tl.Count(func(Entry) bool { return true }); n != spinLimit+1 {
		t.Errorf("%d entries", n)
	}
}

func TestARecordKeepsItsOrderOverChunks(t *testing.T) {
	tl := still()
	for n := range int64(3*chunk + 1) {
		tl.Source(1).Begin(n, 0)
	}
	var next int64
	tl.Each(func(e Entry) {
		if e.N != next {
			t.Fatalf("entry %d stands in place %d", e.N, next)
		}
		next++
	})
	if next != 3*chunk+1 || tl.Progress() != next {
		t.Errorf("%d entries, progress %d", next, tl.Progress())
	}
}

func TestStamp(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                               "00:00.000",
		1499 * time.Microsecond:         "00:00.001",
		59*time.Minute + 59*time.Second: "59:59.000",
		25*time.Hour + time.Millisecond: "25:00:00.001",
	} {
		if got := stamp(d); got != want {
			t.Errorf("stamp(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestDivergence(t *testing.T) {
	for _, c := range [][3]string{
		{"a\nb", "a\nc", "line 2:\n  first: b\n  then:  c"},
		{"a", "a\nb", "line 2, where one of them ends"},
	} {
		if got := Divergence(c[0], c[1]); got != c[2] {
			t.Errorf("Divergence(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestAbridge(t *testing.T) {
	text := "  1\n  2\n  3\n> 4\n  5\n  6\n"
	if got, want := Abridge(text, 1), "  1\n  ... 2 lines ...\n> 4\n  ... 1 lines ...\n  6\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Abridge(text, 3); got != text {
		t.Errorf("got %q", got)
	}
}

func TestStacksAreCut(t *testing.T) {
	s := still()
	s.Source(1).Add(Log, "panic: argh\ngoroutine 7 [running]:\nmain.main()")
	if got, want := words(s), "  00:00.000  log: panic: argh\n                 | (stacks)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEdgesAreCounted(t *testing.T) {
	e := NewEdges(3)
	e.Take(1)
	e.Take(1)
	if e.Taken(0) != 0 || e.Taken(1) != 2 {
		t.Errorf("counts %d and %d", e.Taken(0), e.Taken(1))
	}
}
