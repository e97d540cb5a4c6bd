package mail

import (
	"fmt"
	"time"
)

// road is one of the senders by which a queue delivers each mail. Queue.mu guards
// what changes.
type road struct {
	sender  Sender
	name    string // empty where there is only one
	sending *letter
	away    outage
}

// outage is what is known of a transport that delivers nothing.
type outage struct {
	failures int       // in a row, of this program
	since    time.Time // by Clock.Now, over programs and processes; zero: it delivers
	until    time.Time // nothing is tried before
	problem  string    // the latest one
}

// newRoads returns those of a sender.
func newRoads(s Sender) (roads []*road) {
	for _, one := range Roads(s) {
		roads = append(roads, &road{sender: one})
	}
	if len(roads) > 1 {
		for _, r := range roads {
			r.name = r.sender.String()
		}
	}
	return roads
}

// by says by which road, where there are several.
func (r *road) by() string {
	if r.name == "" {
		return ""
	}
	return " by " + r.name
}

// find finds the road of a mail that comes from another program: by name, else by
// place. Where there is none any more, the first one delivers it.
func (q *Queue) find(l *letter) *road {
	at := q.roads[0]
	if l.Road < len(q.roads) {
		at = q.roads[l.Road]
	}
	if at.name == l.By {
		return at
	}
	for _, r := range q.roads {
		if r.name == l.By {
			return r
		}
	}
	return at
}

// settleOn gives a mail of another program its road, and the road what the mail knows of
// it; q.mu is held.
func (q *Queue) settleOn(l *letter, now, wall time.Time) {
	l.road = q.find(l)
	if l.Away.IsZero() {
		return
	}
	since := now.Add(-max(wall.Sub(l.Away), 0))
	if away := &l.road.away; away.since.IsZero() || since.Before(away.since) {
		away.since, away.problem = since, l.Problem
	}
}

// firstDue returns the mail of a road to be tried now; or when one will be.
func (q *Queue) firstDue(r *road, now time.Time) (due *letter, at time.Time) {
	for _, l := range q.letters {
		if l.road == r && (due == nil || l.tryAt.Before(due.tryAt)) {
			due = l
		}
	}
	if due == nil {
		return nil, time.Time{}
	}
	at = due.tryAt
	if at.Before(r.away.until) {
		at = r.away.until
	}
	if now.Before(at) {
		return nil, at
	}
	return due, at
}

// waitsFor returns how many mails wait for a road, and how many alerts they tell of.
func (q *Queue) waitsFor(r *road) (mails, alerts int) {
	for _, l := range q.letters {
		if l.road == r {
			mails++
			alerts += max(l.Alerts, 1)
		}
	}
	return mails, alerts
}

// mark lets one of the mails that wait for a road know since when it delivers nothing, so
// that the next process knows, too; none where it delivers. q.mu is held.
func (q *Queue) mark(r *road, now, wall time.Time) {
	var first *letter
	for _, l := range q.letters {
		switch {
		case l.road != r:
		case r.away.since.IsZero() && !l.Away.IsZero():
			l.Away, l.dirty = time.Time{}, true
		case !l.Away.IsZero():
			return
		case first == nil:
			first = l
		}
	}
	if first != nil && !r.away.since.IsZero() {
		first.Away, first.dirty = wall.Add(r.away.since.Sub(now)), true
	}
}

// isAway notes that a road delivers nothing at present: the other mails wait, too.
func (q *Queue) isAway(r *road, err error, now, wall time.Time) {
	if r.away.since.IsZero() {
		r.away.since = now
	}
	r.away.until = now.Add(atLeast(q.backoff(r.away.failures), err))
	r.away.failures++
	r.away.problem = OneLine(err.Error(), 2*maxSubject)
	for _, l := range q.letters {
		if l.road == r {
			l.flushing = false
		}
	}
	q.mark(r, now, wall)
}

// delivers notes that a road delivers, and lets the others go now.
func (q *Queue) delivers(r *road, now, wall time.Time) (lines []string) {
	if r.away.since.IsZero() {
		return nil
	}
	mails, _ := q.waitsFor(r)
	lines = []string{fmt.Sprintf("Alert mail is delivered again%s, after %s. %s", r.by(), now.Sub(r.away.since).Round(time.Millisecond), wait(mails, "mail"))}
	r.away = outage{}
	q.mark(r, now, wall)
	for _, l := range q.letters {
		if l.road == r && l.Attempts > 0 {
			l.tryAt = now
		}
	}
	return lines
}
