package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// deliver tries a mail once, and decides what becomes of it.
func (q *Queue) deliver(l *letter, m Message) {
	ctx, cancel := clockwork.WithTimeout(q.ctx, q.config.Clock, sendTimeout)
	err := send(ctx, l.road.sender, m)
	cancel()
	if q.ctx.Err() != nil {
		return
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	q.mu.Lock()
	r := l.road
	r.sending = nil
	if q.flushed && err != nil {
		q.mu.Unlock()
		return
	}
	away := r.away
	lines := q.conclude(l, err, now, wall)
	recovered := !away.since.IsZero() && r.away.since.IsZero()
	_, waiting := q.waitsFor(r)
	if q.flushed {
		lines = nil
	}
	q.logging++
	q.mu.Unlock()
	if recovered {
		q.tellOutage(r, away, waiting, now, wall)
	}
	q.tell(lines)
	q.run()
}

// tellOutage mails that the transport has delivered nothing for a while, where that
// is long enough for people to have missed something by it.
func (q *Queue) tellOutage(r *road, o outage, waiting int, now, wall time.Time) {
	lasted := now.Sub(o.since)
	if lasted < q.config.Window || len(q.config.To) == 0 {
		return
	}
	text := fmt.Sprintf("No alert mail could be delivered%s for %s, from %s to %s. %s waited besides the first one. "+
		"The last failure: %s\n",
		r.by(), length(lasted), clockTime(wall.Add(-lasted)), clockTime(wall), plural(waiting, "alert"), o.problem)
	if q.config.Describe != nil {
		text = joined(text, q.config.Describe())
	}
	q.mu.Lock()
	q.take(Message{
		To: q.config.To, Time: wall, Body: text,
		Subject: fmt.Sprintf("%s Alert: mail was away for %s", q.config.Name, length(lasted)),
	}, now, wall)
	q.mu.Unlock()
}

// send is Send, whose panic is an error.
func send(ctx context.Context, s Sender, m Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return s.Send(ctx, m)
}

// conclude decides what follows an attempt, and returns what is to be logged;
// q.mu is held.
func (q *Queue) conclude(l *letter, err error, now, wall time.Time) (lines []string) {
	l.flushing = false
	var refused *RefusedError
	if errors.As(err, &refused) && len(refused.Refusals) < len(l.To) {
		lines = append(lines, fmt.Sprintf("Error: alert mail %q reached only some%s: %v", l.Subject, l.road.by(), refused))
		l.To = again(refused)
		l.dirty = true
		if len(l.To) > 0 {
			q.postpone(l, err, now)
			return append(lines, q.expire(l, now)...)
		}
		err = nil
	}
	if err == nil {
		q.remove(l)
		return append(lines, q.delivers(l.road, now, wall)...)
	}
	if l.Attempts == 0 {
		lines = append(lines, fmt.Sprintf("Error: alert mail %q to %v was not delivered%s: %v. It is tried again for %s", l.Subject, l.To, l.road.by(), err, q.config.MaxAge))
	}
	q.postpone(l, err, now)
	if Temporary(err) && refused == nil {
		q.isAway(l.road, err, now, wall)
	}
	return append(lines, q.expire(l, now)...)
}

// again returns the recipients that are worth another attempt.
func again(e *RefusedError) (to []string) {
	for _, r := range e.Refusals {
		if Temporary(r.Err) {
			to = append(to, r.To)
		}
	}
	return to
}

// postpone sets when a mail is tried again.
func (q *Queue) postpone(l *letter, err error, now time.Time) {
	pause := q.backoff(l.Attempts)
	if !Temporary(err) {
		pause = refusedPause
	}
	l.Attempts++
	l.Problem = OneLine(err.Error(), 2*maxSubject)
	l.tryAt = now.Add(atLeast(pause, err))
}

// backoff returns the pause after an attempt that has failed, n times before.
func (q *Queue) backoff(n int) time.Duration {
	return clockwork.Backoff(firstPause, longestPause, n, q.config.Name, q.config.Host)
}

// expire gives a mail up that is too old, and returns what is to be logged: all
// of it, since nobody else will tell it.
func (q *Queue) expire(l *letter, now time.Time) []string {
	if now.Before(l.expires) {
		return nil
	}
	q.remove(l)
	return []string{fmt.Sprintf("Error: alert mail %q to %v of %s is given up%s after %d attempts: %s\n%s",
		l.Subject, l.To, l.Time.Format(time.DateTime), l.road.by(), l.Attempts, l.Problem, l.Body)}
}
