package mail

import (
	"fmt"
	"time"
)

// Check returns why the spool could not be used, as far as can be told without
// touching anything; nil where there is none. Mail would wait in memory then.
func (q *Queue) Check() error {
	if q.config.Dir == "" {
		return nil
	}
	if err := q.spool.check(); err != nil {
		return fmt.Errorf("the alert spool %s cannot be used: %w", q.config.Dir, err)
	}
	return nil
}

// Status is what waits, for people.
type Status struct {
	// Waiting is how many alerts are not known to be delivered.
	Waiting int

	// Oldest is when the oldest of the mails that wait was made, by the wall clock;
	// the zero value where none does.
	Oldest time.Time

	// Problem is why the latest attempt failed; empty where nothing is wrong.
	Problem string

	// Next is how long it is until the next attempt, where mail waits.
	Next time.Duration

	// Away is for how long the transport has delivered nothing, over programs and
	// processes; 0 where it delivers. Of several it is the one that does so for longest.
	Away time.Duration

	// SpoolProblem is why the spool cannot be used at present; empty where it can,
	// or is not used.
	SpoolProblem string
}

// Status returns what waits, and why.
func (q *Queue) Status() Status {
	s := Status{}
	s.Waiting, _ = q.Waiting()
	now := q.config.Clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spooled.broken {
		s.SpoolProblem = q.spooled.problem
	}
	for _, r := range q.roads {
		if lasts := now.Sub(r.away.since); !r.away.since.IsZero() && lasts >= s.Away {
			s.Away, s.Problem = lasts, r.away.problem
		}
	}
	if len(q.letters) == 0 {
		return s
	}
	oldest := q.letters[0]
	s.Oldest = oldest.Time
	if s.Problem == "" {
		s.Problem = oldest.Problem
	}
	var next time.Time
	for _, r := range q.roads {
		if _, at := q.firstDue(r, now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next, s.Next = at, at.Sub(now)
		}
	}
	return s
}
