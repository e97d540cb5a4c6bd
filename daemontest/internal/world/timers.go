package world

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// manyTimers is how many entries a list of timers has before the past is swept
// out of it for the first time.
const manyTimers = 256

// timers are those of a generation that may still fire. While its process is
// stopped they do not; and when it ends, they do not any more before the scenario
// is judged, so that nothing goes on that only waited for time.
type timers struct {
	mu    sync.Mutex // held for instants only
	over  bool
	held  bool // the process is stopped
	due   map[*time.Timer]time.Duration
	sweep int // how many there are before those that have fired are swept out
}

func (s *timers) add(t *time.Timer, now, due time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.held {
		t.Stop()
	}
	if s.due == nil {
		s.due, s.sweep = map[*time.Timer]time.Duration{}, manyTimers
	}
	if len(s.due) >= s.sweep && !s.over && !s.held {
		maps.DeleteFunc(s.due, func(_ *time.Timer, due time.Duration) bool { return due < now })
		s.sweep = manyTimers + 2*len(s.due)
	}
	s.due[t] = due
}

func (s *timers) remove(t *time.Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.due, t)
}

func (s *timers) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.stop()
}

// stop stops the timers, and forgets those that have fired; s.mu is held.
func (s *timers) stop() {
	if !s.held {
		maps.DeleteFunc(s.due, func(t *time.Timer, _ time.Duration) bool { return !t.Stop() })
	}
}

// hold lets no timer fire until resume.
func (s *timers) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	s.held = true
}

// resume lets the timers fire again: those that have become due one after the
// other, in the order in which they did, the first of them overdue from now, and
// one more in each quantum.
func (s *timers) resume(now, overdue, quantum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held = false; s.over {
		return
	}
	all := slices.SortedFunc(maps.Keys(s.due), func(a, b *time.Timer) int { return cmp.Compare(s.due[a], s.due[b]) })
	for _, t := range all {
		wait := s.due[t] - now
		if wait <= 0 {
			wait, overdue = overdue, overdue+quantum
		}
		t.Reset(wait)
		s.due[t] = now + wait
	}
}

// letGo lets the timers fire that have not, for those who wait for them to come
// to their end.
func (s *timers) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.due {
		t.Reset(0)
	}
	s.over, s.due = false, nil
}
