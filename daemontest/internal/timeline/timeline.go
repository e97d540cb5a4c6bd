package timeline

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// spinLimit is how many things may happen at one instant before that counts as
// a spin.
const spinLimit = 100_000

// Timeline records entries and failures. It is safe for concurrent use.
type Timeline struct {
	// Plain, where set, returns a text as it is printed. It must be set before
	// the first entry.
	Plain func(text string) string

	now      func() time.Duration
	watch    func(Entry)
	progress atomic.Int64

	mu       sync.Mutex // held for instants only
	entries  record
	failures []string
	lost     []lostLine
	last     time.Duration
	same     int  // entries at the instant last
	spins    bool // a failure says so
}

// lostLine is a log message that has reached nobody, and where it may still go.
type lostLine struct {
	index int // of its entry
	path  string
}

// New returns an empty timeline. now is the time since the scenario's start.
func New(now func() time.Duration) *Timeline { return &Timeline{now: now} }

// Watch makes every log line, every fork, and the start and end of every
// iteration, reach watch at once. It must be called before the first of them.
func (t *Timeline) Watch(watch func(Entry)) { t.watch = watch }

// Fail records a failure of the scenario.
func (t *Timeline) Fail(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, t.plain(text))
}

// Failures returns what was recorded by Fail, and the spin if there was one.
func (t *Timeline) Failures() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.failures...)
}

// plain returns a text as it is printed.
func (t *Timeline) plain(text string) string {
	if t.Plain != nil {
		return t.Plain(text)
	}
	return text
}

// Progress returns a number that grows with every entry.
func (t *Timeline) Progress() int64 { return t.progress.Load() }

// Spins reports whether the scenario spins: too much has happened at one
// instant. Nothing but iterations is recorded from then on.
func (t *Timeline) Spins() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spins
}

// Each calls f for each entry, in order. f must not use the timeline.
func (t *Timeline) Each(f func(Entry)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.entries.len() {
		f(t.entries.get(i))
	}
}

// Count returns how many entries is(e) holds for.
func (t *Timeline) Count(is func(Entry) bool) (n int) {
	t.Each(func(e Entry) {
		if is(e) {
			n++
		}
	})
	return n
}

// add records e at the present time.
func (t *Timeline) add(e Entry) { t.addHeld(e, "") }

// addHeld is add for a log message that may still be written to a file.
func (t *Timeline) addHeld(e Entry, path string) {
	t.progress.Add(1)
	e.At = t.now()
	t.mu.Lock()
	if !t.spinsAt(e.At) {
		if e.Lost {
			t.lost = append(t.lost, lostLine{t.entries.len(), path})
		}
		t.entries.add(e)
	}
	t.mu.Unlock()
	if t.watch != nil && (e.Kind == Log || e.Kind == Fork) {
		t.watch(e)
	}
}

// print records lines of a standard stream. Those that follow one another at one
// instant are one entry.
func (t *Timeline) print(e Entry) {
	at := t.now()
	t.mu.Lock()
	if n := t.entries.len(); n > 0 {
		if last := t.entries.get(n - 1); last.Kind == e.Kind && last.PID == e.PID && last.At == at {
			last.Text += "\n" + e.Text
			t.entries.set(n-1, last)
			t.mu.Unlock()
			return
		}
	}
	t.mu.Unlock()
	t.add(e)
}

// Settle asks written about each log message that had reached nobody when it
// was logged, and no longer counts as lost those for which it is true. path is
// the log file that the message was held for; empty for none.
func (t *Timeline) Settle(written func(path string, e Entry) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.lost {
		e := t.entries.get(l.index)
		e.Lost = !written(l.path, e)
		t.entries.set(l.index, e)
	}
	t.lost = nil
}

// spinsAt counts one more entry, and reports whether the scenario spins. The
// mutex is held.
func (t *Timeline) spinsAt(at time.Duration) bool {
	if at != t.last {
		t.last, t.same = at, 0
	}
	t.same++
	if t.same > spinLimit && !t.spins {
		t.spins = true
		t.failures = append(t.failures, fmt.Sprintf(
			"spin: more than %d things happened at %s without time moving on. Does Execute return at once at interval 0? Let it take time (daemontest.Takes), or set an interval.", spinLimit, at))
	}
	return t.spins
}
