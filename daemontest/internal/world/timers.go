package world

import (
	"maps"
	"sync"
	"time"
)

// manyTimers is how many entries Clock.due has before the past is swept out.
const manyTimers = 256

// timers are those of a generation that may still fire. When it ends, they do
// not any more before the scenario is judged, so that nothing goes on that only
// waited for time.
type timers struct {
	mu   sync.Mutex // held for instants only
	over bool
	due  map[*time.Timer]time.Duration
}

func (s *timers) add(t *time.Timer, now, due time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		t.Stop()
	}
	if s.due == nil {
		s.due = map[*time.Timer]time.Duration{}
	}
	if len(s.due) >= manyTimers && !s.over {
		maps.DeleteFunc(s.due, func(_ *time.Timer, due time.Duration) bool { return due < now })
	}
	s.due[t] = due
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
