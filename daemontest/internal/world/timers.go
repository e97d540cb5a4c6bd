package world

import (
	"maps"
	"sync"
	"time"
)

// manyTimers is how many entries a list of timers has before the past is swept
// out of it for the first time.
const manyTimers = 256

// timers are those of a generation that may still fire. When it ends, they do
// not any more before the scenario is judged, so that nothing goes on that only
// waited for time.
type timers struct {
	mu    sync.Mutex // held for instants only
	over  bool
	due   map[*time.Timer]time.Duration
	sweep int // how many there are before those that have fired are swept out
}

func (s *timers) add(t *time.Timer, now, due time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		t.Stop()
	}
	if s.due == nil {
		s.due, s.sweep = map[*time.Timer]time.Duration{}, manyTimers
	}
	if len(s.due) >= s.sweep && !s.over {
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
	maps.DeleteFunc(s.due, func(t *time.Timer, _ time.Duration) bool { return !t.Stop() })
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
