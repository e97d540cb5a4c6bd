package mail

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// group is the alerts of one kind. What is exported survives the process.
type group struct {
	Kind, Title, End string
	Lasting          bool
	Thread           string    // the ID of the first mail
	Began, Last      time.Time // of the first and the latest alert, by the wall clock
	Total            int       // alerts since Began
	Pending          int       // of them, those that no mail has told of
	Since            time.Time // of the first of those
	Samples          []string  // of their texts
	Reminders        int       // mails after the first one
	Ends             time.Time // when the next one is due, by the wall clock

	last, ends time.Time // the same by Clock.Now
	next       time.Time // when it is to be looked at again
}

// groups are the kinds of which alerts have come lately. Queue.mu guards it.
type groups struct {
	open     map[string]*group
	dirty    bool // the file is not current
	stored   bool // there is one
	restored bool // they were handed over: what the file has is older
	writeAt  time.Time
	hurry    bool // somebody waits for the file

	awaitedBy time.Time   // until then it may become known what the file has; zero: it is known
	held      []heldAlert // alerts that wait for that
	lookFrom  time.Time   // none is looked at before: what a process begins with is to be among what is due
}

// awaited reports whether it is not known yet which kinds the process before has told
// of, and is worth to be waited for: a disk that hangs must not keep an alert from being
// sent.
func (s *groups) awaited(now time.Time) bool {
	return now.Before(s.awaitedBy) && len(s.held) < maxGroups
}

// lookAtGroups lets the groups mail what is due, and returns when to look again;
// the zero time is never. q.mu is not held.
func (q *Queue) lookAtGroups(now time.Time) (next time.Time) {
	for {
		q.mu.Lock()
		g, from := q.nextGroup(), q.groups.lookFrom
		if g == nil {
			q.mu.Unlock()
			return time.Time{}
		}
		kind, lasting := g.Kind, g.Lasting
		if g.next.After(from) {
			from = g.next
		}
		q.mu.Unlock()
		if now.Before(from) {
			return from
		}
		c := Over
		if lasting && q.config.Lasts != nil {
			c = q.config.Lasts(kind)
		}
		describe := ""
		if q.config.Describe != nil {
			describe = q.config.Describe()
		}
		wall := q.config.Clock.Wall()
		q.mu.Lock()
		if q.groups.open[kind] == g {
			q.lookAt(g, c, describe, now, wall)
		}
		q.mu.Unlock()
	}
}

// nextGroup returns the group that is to be looked at first; q.mu is held.
func (q *Queue) nextGroup() (first *group) {
	for _, g := range q.groups.open {
		if first == nil || g.next.Before(first.next) || g.next.Equal(first.next) && g.Kind < first.Kind {
			first = g
		}
	}
	return first
}

// lookAt mails what is due of a group, now that its condition is known; q.mu is
// held.
func (q *Queue) lookAt(g *group, c Condition, describe string, now, wall time.Time) {
	if g.Lasting && c == Ongoing {
		g.last, g.Last = now, wall
	}
	due := !now.Before(g.ends)
	quiet := now.Sub(g.last) >= q.config.Window
	switch {
	case g.Lasting && c == Over && quiet:
		if g.Total > 1 || g.Reminders > 0 || g.End != "" {
			q.mailGroup(g, cmp.Or(g.End, q.config.Name+" Resolved: "+g.Title), g.endText(), describe, now, wall)
		}
		delete(q.groups.open, g.Kind)
	case due && (g.Pending > 0 || c == Ongoing && g.Lasting):
		q.mailGroup(g, q.digestSubject(g), g.digestText(wall), describe, now, wall)
	case due && !g.Lasting:
		delete(q.groups.open, g.Kind)
	case due:
		g.ends = now.Add(q.config.Window)
	}
	since := g.last
	if quiet {
		since = now
	}
	g.next = g.ends
	if soon := since.Add(q.config.Window); g.Lasting && soon.Before(g.next) {
		g.next = soon
	}
	g.Ends = wall.Add(g.ends.Sub(now))
	q.groups.dirty = true
}

// mailGroup mails a text on a group, and begins its next window: of a condition
// that lasts one twice as long as the one before; q.mu is held.
func (q *Queue) mailGroup(g *group, subject, text, describe string, now, wall time.Time) {
	m := Message{To: q.config.To, Subject: subject, Body: joined(text, describe), Time: wall, Alerts: g.Pending}
	if g.Thread != "" {
		m.References = []string{g.Thread}
	}
	q.take(m, now, wall)
	g.Pending, g.Samples = 0, nil
	g.Reminders++
	pause := q.config.Window
	for range g.Reminders {
		if g.Lasting {
			pause = min(2*pause, longestReminder)
		}
	}
	g.ends = now.Add(pause)
}

// Digest mails what the groups have not told yet, and forgets them: for an end
// that nothing is to follow.
func (q *Queue) Digest() {
	if q.config.Sender == nil {
		return
	}
	describe := ""
	if q.config.Describe != nil {
		describe = q.config.Describe()
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	q.mu.Lock()
	lines := q.release()
	for _, kind := range slices.Sorted(maps.Keys(q.groups.open)) {
		g := q.groups.open[kind]
		if g.Pending > 0 {
			q.mailGroup(g, q.digestSubject(g), g.digestText(wall), describe, now, wall)
		}
		delete(q.groups.open, kind)
		q.groups.dirty = true
	}
	q.mu.Unlock()
	q.log(lines)
	q.run()
}

// adoptGroups takes over groups of the program or the process before; q.mu is
// held.
func (q *Queue) adoptGroups(found []*group, now, wall time.Time) {
	if !q.groups.hurry {
		q.groups.lookFrom = now.Add(storePatience)
	}
	for _, g := range found {
		if g == nil || g.Kind == "" || len(q.groups.open) > maxGroups {
			continue
		}
		ago := func(at time.Time) time.Time { return now.Add(-max(wall.Sub(at), 0)) }
		g.last = ago(g.Last)
		g.ends = now.Add(min(max(g.Ends.Sub(wall), 0), longestReminder))
		g.next = g.ends
		if soon := g.last.Add(q.config.Window); g.Lasting && soon.Before(g.next) {
			g.next = soon
		}
		q.groups.add(g)
	}
}

// add opens a group, or merges it with one that is open.
func (s *groups) add(g *group) {
	if s.open == nil {
		s.open = map[string]*group{}
	}
	newer := s.open[g.Kind]
	if newer == nil {
		s.open[g.Kind] = g
		return
	}
	newer.Total += g.Total
	newer.Pending += g.Pending
	newer.Reminders = max(newer.Reminders, g.Reminders)
	newer.Samples = append(g.Samples, newer.Samples...)
	newer.Began, newer.Thread = g.Began, g.Thread
	s.dirty = true
}

// snapshot returns the groups as they are to be written; q.mu is held.
func (s *groups) snapshot() []group {
	var all []group
	for _, kind := range slices.Sorted(maps.Keys(s.open)) {
		g := *s.open[kind]
		g.Samples = slices.Clone(g.Samples)
		all = append(all, g)
	}
	return all
}

// pending returns how many alerts no mail has told of yet.
func (s *groups) pending() (n int) {
	for _, g := range s.open {
		n += g.Pending
	}
	return n
}
