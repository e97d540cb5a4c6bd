// Package hosttest is the conformance suite of the interface that package host
// owns itself: what every [host.Supervisor] must do, be it systemd or a fake
// one.
//
//	func TestSupervisorConforms(t *testing.T) {
//		hosttest.Run(t, hosttest.Subject{New: func(t *testing.T, there bool) … })
//	}
package hosttest

import (
	"strings"
	"testing"

	"github.com/evertick/evertick/core/host"
)

// Subject is what is tested.
type Subject struct {
	// New returns a daemon's view of a supervisor that is there, or of none,
	// and a function that returns what the supervisor was told so far, one
	// entry a state.
	New func(t *testing.T, there bool) (s host.Supervisor, told func() []string)

	// In runs a case in surroundings of its own, such as a bubble. Nil means
	// to run it as it is.
	In func(t *testing.T, test func(t *testing.T))
}

// Run runs each case as a subtest.
func Run(t *testing.T, s Subject) {
	if s.In == nil {
		s.In = func(t *testing.T, test func(t *testing.T)) { test(t) }
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Subject)
	}{
		{"a supervisor is told each state in its order", toldInOrder},
		{"without a supervisor nothing happens", nobodyToTell},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.In(t, func(t *testing.T) { c.test(t, s) })
		})
	}
}

var states = []string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}

func notifyAll(t *testing.T, s host.Supervisor) {
	t.Helper()
	for _, state := range states {
		if err := s.Notify(state); err != nil {
			t.Fatalf("Notify(%s) = %v", state, err)
		}
	}
}

func toldInOrder(t *testing.T, s Subject) {
	supervisor, told := s.New(t, true)
	if !supervisor.Detected() {
		t.Error("the supervisor is not detected")
	}
	notifyAll(t, supervisor)
	got := told()
	if len(got) != len(states) {
		t.Fatalf("told %q, want %q", got, states)
	}
	for n, state := range states {
		if first, _, _ := strings.Cut(got[n], "\n"); first != state {
			t.Errorf("told %q, want %q", got[n], state)
		}
	}
}

func nobodyToTell(t *testing.T, s Subject) {
	supervisor, told := s.New(t, false)
	if supervisor.Detected() {
		t.Error("a supervisor is detected that is not there")
	}
	notifyAll(t, supervisor)
	if got := told(); len(got) > 0 {
		t.Errorf("told %q", got)
	}
}
