package timeline

import (
	"slices"
	"strings"
	"time"
)

// Source writes the entries of one process. It is safe for concurrent use.
type Source struct {
	timeline *Timeline
	pid      int
	streams  streams

	// The place of the latest iteration in the record, and its number. The
	// timeline's mutex guards them.
	index int
	n     int64
}

// Source returns a source for the process with that PID; 0 is the world.
func (t *Timeline) Source(pid int) *Source { return &Source{timeline: t, pid: pid} }

// As returns a source for what the process writes under another PID.
func (s *Source) As(pid int) *Source {
	if pid == s.pid {
		return s
	}
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	if !slices.Contains(s.streams.also, pid) {
		s.streams.also = append(s.streams.also, pid)
	}
	return s.timeline.Source(pid)
}

// logsAs reports whether the process logs under this PID.
func (s *Source) logsAs(pid int) bool {
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	return pid == s.pid || slices.Contains(s.streams.also, pid)
}

// Add records an entry of the given kind.
func (s *Source) Add(kind Kind, text string) {
	if kind == End {
		s.printed(Stdout, s.streams.end(Stdout))
		s.printed(Stderr, s.streams.end(Stderr))
	}
	s.timeline.add(Entry{Kind: kind, PID: s.pid, Text: s.timeline.plain(text)})
}

// Log records a message of the log. Stacks are cut out of it, because their
// numbers and addresses differ from run to run.
func (s *Source) Log(text string) {
	s.timeline.add(Entry{Kind: Log, PID: s.pid, Text: s.timeline.plain(WithoutStacks(text))})
}

// LogLost records a message that has reached nobody yet. path is the log file
// that it may still be written to; empty for none. See Timeline.Settle.
func (s *Source) LogLost(text, path string) {
	s.timeline.addHeld(Entry{Kind: Log, PID: s.pid, Text: s.timeline.plain(WithoutStacks(text)), Lost: true}, path)
}

// Print records the lines that a process writes to a standard stream; kind is
// Stdout or Stderr. A line that is not complete waits for its end. Lines of the
// process's own log are left out: they have entries.
func (s *Source) Print(kind Kind, b []byte) { s.printed(kind, s.streams.write(kind, b)) }

func (s *Source) printed(kind Kind, text string) {
	if lines := withoutLog(s.logsAs, text); len(lines) > 0 {
		s.timeline.print(Entry{Kind: kind, PID: s.pid, Text: s.timeline.plain(WithoutStacks(strings.Join(lines, "\n")))})
	}
}

// Begin records the start of an iteration; interval is 0 where there is none.
// It returns false when the scenario spins.
func (s *Source) Begin(n int64, interval time.Duration) bool {
	t := s.timeline
	t.progress.Add(1)
	e := Entry{At: t.now(), Kind: Execute, PID: s.pid, N: n, Interval: interval}
	t.mu.Lock()
	spins := t.spinsAt(e.At)
	s.index, s.n = t.entries.len(), n
	t.entries.add(e)
	t.mu.Unlock()
	if t.watch != nil {
		t.watch(e)
	}
	return !spins
}

// End completes the entry of an iteration that has returned.
func (s *Source) End(n int64, took time.Duration, err error) {
	t := s.timeline
	t.progress.Add(1)
	t.mu.Lock()
	i := s.find(n)
	if i < 0 {
		t.mu.Unlock()
		return
	}
	text := ""
	if err != nil {
		text = t.plain(err.Error())
	}
	t.entries.end(i, took, err != nil, text)
	var e Entry
	if t.watch != nil {
		e = t.entries.get(i)
	}
	t.mu.Unlock()
	if t.watch != nil {
		t.watch(e)
	}
}

// find returns the index of the entry of an iteration, most often the latest
// one: only one that was abandoned can be another. It is -1 where there is none.
// The mutex is held.
func (s *Source) find(n int64) int {
	entries := &s.timeline.entries
	if s.n == n {
		return s.index
	}
	for i := entries.len() - 1; i >= 0; i-- {
		if e := entries.get(i); e.Kind == Execute && e.PID == s.pid && e.N == n {
			return i
		}
	}
	return -1
}
