package world

import (
	"sync"
	"time"

	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/timeline"
)

// Supervisor is the supervisor of a machine, if it has one. It is safe for
// concurrent use.
type Supervisor struct {
	detected bool
	watchdog time.Duration

	mu     sync.Mutex // held for instants only
	states []string
}

// Notified returns the states that it has received.
func (s *Supervisor) Notified() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.states...)
}

// supervisor is the supervisor as a generation reaches it.
type supervisor struct {
	g  *Generation
	to *Supervisor
}

var _ host.Supervisor = supervisor{}

func (s supervisor) Detected() bool { return s.to.detected }

func (s supervisor) Watchdog() time.Duration { return s.to.watchdog }

func (s supervisor) Notify(state string) error {
	if s.to.detected && s.g.alive() {
		s.to.mu.Lock()
		s.to.states = append(s.to.states, state)
		s.to.mu.Unlock()
		s.g.process.record.Add(timeline.Notify, state)
	}
	return nil
}
