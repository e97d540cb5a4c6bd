package mail

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Alert is something that people are to be told of. Alerts of one kind are grouped:
// the first one is mailed at once, those that follow within a window are one
// digest. The rest of each mail is QueueConfig's.
type Alert struct {
	// Kind says which alerts are of one kind, such as the format of their text.
	// Empty means that the alert is mailed at once, by itself.
	Kind string

	// Text is what has happened: a first line, and details such as a stack.
	Text string

	// Subject is that of the mail. Empty means "NAME Alert: " and the first line.
	Subject string

	// Lasting says that the kind is a condition that may last. What remains of it
	// is told at growing intervals, and its end once; QueueConfig.Lasts knows.
	Lasting bool

	// End is the subject of the mail that tells the end. It is then told in any
	// case. Empty means "NAME Resolved: " and the first line; the end is then told
	// where there was more than one alert, or a reminder.
	End string
}

// Condition is what becomes of a kind of alert that is Lasting.
type Condition int

const (
	// Over: it has been seen that the condition is over.
	Over Condition = iota

	// Unproven: nothing was seen since, neither that it is over nor that it lasts.
	Unproven

	// Ongoing: it lasts at this moment.
	Ongoing
)

const (
	// longestReminder is the longest time between two mails on a condition that
	// lasts.
	longestReminder = 6 * time.Hour

	// maxGroups is how many kinds are told apart; all others are one kind.
	maxGroups = 100

	maxKind    = 200  // bytes of a kind that count
	maxSamples = 3    // of the first alerts in a digest, and of the last
	maxSample  = 2000 // characters of each
	maxTitle   = 1000 // characters of a first line; of a subject Clean takes fewer

	otherKinds = "other kinds of alerts"
)

// heldAlert is an alert that has come before it was known which kinds the process
// before has told of.
type heldAlert struct {
	Alert
	describe  string
	now, wall time.Time
}

// Alert takes an alert. It neither blocks nor fails.
func (q *Queue) Alert(a Alert) {
	if q.config.Sender == nil {
		return
	}
	h := heldAlert{Alert: a, now: q.config.Clock.Now(), wall: q.config.Clock.Wall()}
	h.Kind = h.Kind[:min(len(h.Kind), maxKind)]
	q.mu.Lock()
	hold := h.Kind != "" && q.groups.awaited(h.now)
	first := hold || q.count(&h.Alert, h.now, h.wall)
	q.mu.Unlock()
	if !first {
		q.run()
		return
	}
	if q.config.Describe != nil {
		h.describe = q.config.Describe()
	}
	q.mu.Lock()
	var lines []string
	switch {
	case hold && q.groups.awaited(h.now):
		q.groups.held = append(q.groups.held, h)
	case !hold, q.count(&h.Alert, h.now, h.wall):
		lines = q.mailFirst(h)
	}
	q.mu.Unlock()
	q.log(lines)
	q.run()
}

// mailFirst mails an alert that is the first of its kind, and returns what is to be
// logged; q.mu is held.
func (q *Queue) mailFirst(h heldAlert) (lines []string) {
	l := q.take(Message{
		To: q.config.To, Time: h.wall, Body: joined(h.Text, h.describe),
		Subject: cmp.Or(h.Subject, q.config.Name+" Alert: "+title(h.Text)),
	}, h.now, h.wall)
	if g := q.groups.open[h.Kind]; g != nil && g.Thread == "" {
		g.Thread = l.ID
	}
	return q.shrink()
}

// awaitKinds lets the alerts go that were held for too long, or are too many. It returns when it is to
// look again; the zero time is never.
func (q *Queue) awaitKinds(now time.Time) (again time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch g := &q.groups; {
	case g.awaitedBy.IsZero():
	case g.awaited(now):
		return g.awaitedBy
	default:
		q.logging++
		go q.tell(q.release())
	}
	return time.Time{}
}

// release lets the alerts go that were held, and holds no more; q.mu is held.
func (q *Queue) release() (lines []string) {
	held := q.groups.held
	q.groups.held, q.groups.awaitedBy = nil, time.Time{}
	for _, h := range held {
		if q.count(&h.Alert, h.now, h.wall) {
			lines = append(lines, q.mailFirst(h)...)
		}
	}
	return lines
}

// Note adds to what is known of a kind, where there is a group of it: it is told
// with the next mail, but does not cause one.
func (q *Queue) Note(kind, text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if g := q.groups.open[kind]; g != nil {
		g.sample(text)
		g.last, g.Last = q.config.Clock.Now(), q.config.Clock.Wall()
		q.groups.dirty = true
	}
}

// count counts an alert in the group of its kind, and reports whether it is the
// first; q.mu is held.
func (q *Queue) count(a *Alert, now, wall time.Time) (first bool) {
	if a.Kind == "" {
		return true
	}
	g := q.groups.open[a.Kind]
	if g == nil && len(q.groups.open) >= maxGroups {
		a.Kind, a.Lasting, a.End = otherKinds, false, ""
		g = q.groups.open[a.Kind]
	}
	q.groups.dirty = true
	if g != nil {
		g.Total++
		g.Pending++
		g.last, g.Last = now, wall
		if g.Pending == 1 {
			g.Since = wall
		}
		g.sample(a.Text)
		return false
	}
	g = &group{
		Kind: a.Kind, Lasting: a.Lasting, End: a.End, Title: title(a.Text),
		Began: wall, Last: wall, Total: 1, Ends: wall.Add(q.config.Window),
		last: now, ends: now.Add(q.config.Window), next: now.Add(q.config.Window),
	}
	q.groups.add(g)
	return true
}

// title returns the first line of a text.
func title(text string) string {
	line, _, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	return OneLine(line, maxTitle)
}

// sample keeps the first texts and the last ones.
func (g *group) sample(text string) {
	text = OneLine(strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", " | "), maxSample)
	if len(g.Samples) == 2*maxSamples {
		g.Samples = slices.Delete(g.Samples, maxSamples, maxSamples+1)
	}
	g.Samples = append(g.Samples, text)
}
