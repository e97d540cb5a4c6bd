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
	err := send(ctx, q.config.Sender, m)
	cancel()
	if q.ctx.Err() != nil {
		return
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	q.mu.Lock()
	q.sending = nil
	if q.flushed && err != nil {
		q.mu.Unlock()
		return
	}
	away := q.away
	lines := q.conclude(l, err, now)
	recovered := away.failures > 0 && q.away.failures == 0
	waiting := 0
	for _, l := range q.letters {
		waiting += max(l.Alerts, 1)
	}
	if q.flushed {
		lines = nil
	}
	q.logging++
	q.mu.Unlock()
	if recovered {
		q.tellOutage(away, waiting, now, wall)
	}
	q.tell(lines)
	q.run()
}

// tellOutage mails that the transport has delivered nothing for a while, where that
// is long enough for people to have missed something by it.
func (q *Queue) tellOutage(o outage, waiting int, now, wall time.Time) {
	lasted := now.Sub(o.since)
	if lasted < q.config.Window || len(q.config.To) == 0 {
		return
	}
	text := fmt.Sprintf("No alert mail could be delivered for %s, from %s to %s. %s waited besides the first one. "+
		"The last failure: %s\n",
		length(lasted), clockTime(wall.Add(-lasted)), clockTime(wall), plural(waiting, "alert"), o.problem)
	if q.config.Describe != nil {
		text = joined(text, q.config.Describe())
	}
	q.mu.Lock()
	l := q.take(Message{
		To: q.config.To, Time: wall, Body: text,
		Subject: fmt.Sprintf("%s Alert: mail was away for %s", q.config.Name, length(lasted)),
	}, now, wall)
	l.flushing = q.groups.hurry
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
func (q *Queue) conclude(l *letter, err error, now time.Time) (lines []string) {
	l.flushing = false
	var refused *RefusedError
	if errors.As(err, &refused) && len(refused.Refusals) < len(l.To) {
		lines = append(lines, fmt.Sprintf("Error: alert mail %q reached only some: %v", l.Subject, refused))
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
		return append(lines, q.delivers(now)...)
	}
	if l.Attempts == 0 {
		lines = append(lines, fmt.Sprintf("Error: alert mail %q to %v was not delivered: %v. It is tried again for %s", l.Subject, l.To, err, q.config.MaxAge))
	}
	q.postpone(l, err, now)
	if Temporary(err) && refused == nil {
		q.isAway(err, now)
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
	pause := clockwork.Backoff(firstPause, longestPause, l.Attempts, q.config.Name, q.config.Host)
	if !Temporary(err) {
		pause = refusedPause
	}
	l.Attempts++
	l.Problem = OneLine(err.Error(), 2*maxSubject)
	l.tryAt = now.Add(atLeast(pause, err))
}

// expire gives a mail up that is too old, and returns what is to be logged: all
// of it, since nobody else will tell it.
func (q *Queue) expire(l *letter, now time.Time) []string {
	if now.Before(l.expires) {
		return nil
	}
	q.remove(l)
	return []string{fmt.Sprintf("Error: alert mail %q to %v of %s is given up after %d attempts: %s\n%s",
		l.Subject, l.To, l.Time.Format(time.DateTime), l.Attempts, l.Problem, l.Body)}
}

// isAway notes that the transport delivers nothing at present: the other mails
// wait, too.
func (q *Queue) isAway(err error, now time.Time) {
	if q.away.failures == 0 {
		q.away.since = now
	}
	q.away.until = now.Add(atLeast(clockwork.Backoff(firstPause, longestPause, q.away.failures, q.config.Name, q.config.Host), err))
	q.away.failures++
	q.away.problem = OneLine(err.Error(), 2*maxSubject)
	for _, l := range q.letters {
		l.flushing = false
	}
}

// delivers notes that the transport delivers, and lets the others go now.
func (q *Queue) delivers(now time.Time) (lines []string) {
	if q.away.failures == 0 {
		return nil
	}
	lines = []string{fmt.Sprintf("Alert mail is delivered again, after %s. %s", now.Sub(q.away.since).Round(time.Millisecond), wait(len(q.letters), "mail"))}
	q.away = outage{}
	for _, l := range q.letters {
		if l.Attempts > 0 {
			l.tryAt = now
		}
	}
	return lines
}
