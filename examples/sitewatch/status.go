package main

import (
	"cmp"
	"fmt"
	"time"
)

// The states of a site.
const (
	up       = "up"
	slow     = "slow"
	down     = "down"
	flapping = "flapping"
)

const (
	// flapChanges so many changes within flapWindow are flapping, which is told
	// once. It is over when a state has lasted for calm.
	flapChanges = 4
	flapWindow  = 30 * time.Minute
	calm        = 15 * time.Minute
)

// status is what is known of a site.
type status struct {
	State  string    // as it was told; empty before the first look
	Actual string    // as it is: the same, unless State is flapping
	Since  time.Time // of State

	Changes  []time.Time // of Actual, within flapWindow
	Failures int         // in a row
	Took     time.Duration
	Error    string // of the last look
}

// after returns the status after a look, and what is to be told.
func (s status) after(l look, of site, now time.Time) (next status, text string) {
	s.Took, s.Error = l.took.Round(time.Millisecond), ""
	if s.Failures++; l.err == nil {
		s.Failures = 0
	} else {
		s.Error = l.err.Error()
	}
	found := s.found(l, of)
	if s.Actual == "" {
		s.Actual, s.State, s.Since = found, found, now
		if found == up {
			return s, ""
		}
		return s, "is " + s.describe(of)
	}
	for len(s.Changes) > 0 && now.Sub(s.Changes[0]) > flapWindow {
		s.Changes = s.Changes[1:]
	}
	if found != s.Actual {
		s.Actual = found
		s.Changes = append(s.Changes, now)
	}
	return s.tell(of, now)
}

// found returns the state that a look shows. A failure alone is no outage yet.
func (s *status) found(l look, of site) string {
	switch {
	case l.err != nil && s.Failures >= of.DownAfter:
		return down
	case l.err != nil:
		return cmp.Or(s.Actual, up)
	case l.took > of.Slow:
		return slow
	default:
		return up
	}
}

// tell returns the status with the state that is told.
func (s status) tell(of site, now time.Time) (next status, text string) {
	state := s.Actual
	switch {
	case s.State == flapping && len(s.Changes) > 0 && now.Sub(s.Changes[len(s.Changes)-1]) < calm,
		s.State != flapping && len(s.Changes) >= flapChanges:
		state = flapping
	}
	if state == s.State {
		return s, ""
	}
	before, lasted := s.State, now.Sub(s.Since).Round(time.Second)
	s.State, s.Since = state, now
	if before == flapping {
		s.Changes = nil
	}
	return s, fmt.Sprintf("is %s, after it was %s for %s", s.describe(of), before, lasted)
}

// describe returns the state in words.
func (s *status) describe(of site) string {
	switch s.State {
	case down:
		return "down: " + s.Error
	case slow:
		return fmt.Sprintf("slow: %s, more than %s", s.Took, of.Slow)
	case flapping:
		return fmt.Sprintf("flapping: %d changes within %s, now %s; further ones are not told before it is calm for %s",
			len(s.Changes), flapWindow, s.Actual, calm)
	default:
		return s.State
	}
}
