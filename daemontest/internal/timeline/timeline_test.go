package timeline

import (
	"fmt"
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
	s.Log("one")
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
		{"a", "a\nb", "line 2:\n  first: (the end)\n  then:  b"},
	} {
		if got := Divergence(c[0], c[1]); got != c[2] {
			t.Errorf("Divergence(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// What matters most is shown with its neighbours, then the ends of what is
// marked and of the whole; and never more than the limit.
func TestAReportIsBounded(t *testing.T) {
	tl := still()
	for n := range int64(1000) {
		tl.Source(1).Begin(n, 0)
	}
	every := func(n int64) func(Entry) bool { return func(e Entry) bool { return e.N%n == 0 } }
	one := func(e Entry) bool { return e.N == 555 }
	for _, c := range []struct {
		limit       int
		mark, focus func(Entry) bool
		shown       []int64
	}{
		{50, nil, nil, []int64{0, 1, 998, 999}},
		{50, every(1), one, []int64{0, 1, 552, 555, 558, 998, 999}},
		{50, every(100), one, []int64{0, 100, 200, 552, 555, 558, 900, 999}},
		{20, every(3), nil, []int64{0, 3, 996, 999}},
	} {
		text := tl.Report(c.limit, c.mark, c.focus)
		if n := strings.Count(text, "\n"); n > c.limit || n < c.limit/2 {
			t.Errorf("%d lines, want at most %d, and half of them:\n%s", n, c.limit, text)
		}
		for _, n := range c.shown {
			sign := "  "
			if c.mark != nil && c.mark(Entry{N: n}) {
				sign = "> "
			}
			if want := fmt.Sprintf("%s00:00.000  execute #%d ...", sign, n); !strings.Contains(text, want) {
				t.Errorf("want the line %q, got\n%s", want, text)
			}
		}
	}
	tall := still()
	for range 100 {
		tall.Source(1).Log(strings.Repeat("line\n", 10))
	}
	if text := tall.Report(25, every(1), nil); strings.Count(text, "\n") > 25 {
		t.Errorf("want at most 25 lines, got\n%s", text)
	}
	if got := tl.Report(1000, nil, nil); got != words(tl) {
		t.Errorf("want everything where there is space for it, got\n%s", got)
	}
}

// Lines of a standard stream are entries, but those of the process's own log.
func TestStreamsAreRecordedByLines(t *testing.T) {
	tl := still()
	s, other := tl.Source(100), tl.Source(101)
	s.Print(Stdout, []byte("usage"))
	s.Print(Stdout, []byte(": poller\n  -d\n"))
	s.Print(Stdout, []byte("[2026-01-01 00:00:00] 100 a line of the log\n"))
	s.Print(Stdout, []byte(`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"one, too","pid":100}`+"\n"))
	s.Print(Stderr, []byte("cut off"))
	other.Print(Stdout, []byte("[2026-01-01 00:00:00] 100 a line that another process tells\n"))
	s.Add(End, "exit status 1")
	want := "  00:00.000  100 stdout: usage: poller\n                 |   -d\n" +
		"  00:00.000  101 stdout: [2026-01-01 00:00:00] 100 a line that another process tells\n" +
		"  00:00.000  100 stderr: cut off\n  00:00.000  100 end: exit status 1\n"
	if got := words(tl); got != want {
		t.Errorf("the timeline is\n%s\nwant\n%s", got, want)
	}
}

// A message that has reached nobody is marked, unless it turns out to have been
// written later.
func TestLostMessagesAreMarked(t *testing.T) {
	tl := still()
	s := tl.Source(1)
	s.Log("heard")
	s.LogLost("held", "/var/log/x")
	s.LogLost("gone", "")
	tl.Settle(func(path string, e Entry) bool { return path == "/var/log/x" && e.Text == "held" })
	want := "  00:00.000  log: heard\n  00:00.000  log: held\n  00:00.000  log (reached nobody): gone\n"
	if got := words(tl); got != want {
		t.Errorf("the timeline is\n%s\nwant\n%s", got, want)
	}
}

func TestStacksAreCut(t *testing.T) {
	s := still()
	s.Source(1).Log("panic: argh\ngoroutine 7 [running]:\nmain.main()")
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
