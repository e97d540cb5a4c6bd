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

// Alert takes an alert. It neither blocks nor fails.
func (q *Queue) Alert(a Alert) {
	if q.config.Sender == nil {
		return
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	a.Kind = a.Kind[:min(len(a.Kind), maxKind)]
	q.mu.Lock()
	first := q.count(&a, now, wall)
	q.mu.Unlock()
	if !first {
		q.run()
		return
	}
	describe := ""
	if q.config.Describe != nil {
		describe = q.config.Describe()
	}
	m := Message{
		To: q.config.To, Time: wall,
		Subject: cmp.Or(a.Subject, q.config.Name+" Alert: "+title(a.Text)), Body: joined(a.Text, describe),
	}
	q.mu.Lock()
	l := q.take(m, now, wall)
	if g := q.groups.open[a.Kind]; g != nil && g.Thread == "" {
		g.Thread = l.ID
	}
	lines := q.shrink()
	q.mu.Unlock()
	q.log(lines)
	q.run()
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
