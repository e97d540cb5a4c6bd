package timeline

import "time"

// Source writes the entries of one process. It is safe for concurrent use.
type Source struct {
	timeline *Timeline
	pid      int

	// The place of the latest iteration in the record, and its number. The
	// timeline's mutex guards them.
	index int
	n     int64
}

// Source returns a source for the process with that PID; 0 is the world.
func (t *Timeline) Source(pid int) *Source { return &Source{timeline: t, pid: pid} }

// Add records an entry of the given kind. Stacks are cut out of a log line,
// because their numbers and addresses differ from run to run.
func (s *Source) Add(kind Kind, text string) {
	if kind == Log {
		text = WithoutStacks(text)
	}
	s.timeline.add(Entry{Kind: kind, PID: s.pid, Text: text})
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
	e := s.find(n)
	if e == nil {
		t.mu.Unlock()
		return
	}
	e.Took, e.Done = took, true
	if err != nil {
		e.Failed, e.Text = true, err.Error()
	}
	ended := *e
	t.mu.Unlock()
	if t.watch != nil {
		t.watch(ended)
	}
}

// find returns the entry of an iteration, most often the latest one: only one
// that was abandoned can be another. The mutex is held.
func (s *Source) find(n int64) *Entry {
	entries := &s.timeline.entries
	if s.n == n {
		return entries.at(s.index)
	}
	for i := entries.len() - 1; i >= 0; i-- {
		if e := entries.at(i); e.Kind == Execute && e.PID == s.pid && e.N == n {
			return e
		}
	}
	return nil
}
