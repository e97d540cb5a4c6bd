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
	now      func() time.Duration
	watch    func(Entry)
	progress atomic.Int64

	mu       sync.Mutex // held for instants only
	entries  record
	failures []string
	last     time.Duration
	same     int  // entries at the instant last
	spins    bool // a failure says so
}

// New returns an empty timeline. now is the time since the scenario's start.
func New(now func() time.Duration) *Timeline { return &Timeline{now: now} }

// Watch makes every log line, and the start and end of every iteration, reach
// watch at once. It must be called before the first of them.
func (t *Timeline) Watch(watch func(Entry)) { t.watch = watch }

// Fail records a failure of the scenario.
func (t *Timeline) Fail(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = append(t.failures, text)
}

// Failures returns what was recorded by Fail, and the spin if there was one.
func (t *Timeline) Failures() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.failures...)
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
		f(*t.entries.at(i))
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
func (t *Timeline) add(e Entry) {
	t.progress.Add(1)
	e.At = t.now()
	t.mu.Lock()
	if !t.spinsAt(e.At) {
		t.entries.add(e)
	}
	t.mu.Unlock()
	if t.watch != nil && e.Kind == Log {
		t.watch(e)
	}
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
