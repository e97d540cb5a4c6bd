package mail

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxBody is the longest body that a queue takes, in bytes: a dump of all
	// goroutines may be megabytes.
	maxBody = 256 << 10

	// maxFile bounds what is believed of a file.
	maxFile = 1 << 20
)

// MaxRecipients is how many recipients a mail in a queue may have.
const MaxRecipients = 1000

// letter is a mail in a queue. What is exported is in its file.
type letter struct {
	Message
	Attempts int    // that failed
	Problem  string // why the latest did
	Dropped  int    // how many mails it stands for that did not fit

	Road int       `json:",omitempty"` // its place; another one delivers the mail by another road
	By   string    `json:",omitempty"` // its name
	Away time.Time `json:",omitzero"`  // since when the road delivers nothing, by the wall clock

	road *road

	name     string // of its file
	size     int
	filed    bool      // a file may be there
	stored   bool      // it is there
	dirty    bool      // it is not current
	tryAt    time.Time // by Clock.Now
	expires  time.Time
	flushing bool // Flush waits for the next attempt
}

// newLetter gives a mail its ID and the road at a place; q.mu is held.
func (q *Queue) newLetter(m Message, place int, now, wall time.Time) *letter {
	if len(m.Body) > maxBody {
		m.Body = strings.ToValidUTF8(m.Body[:maxBody], "") + "\n[cut: the log has the rest]\n"
	}
	if m.Time.IsZero() {
		m.Time = wall
	}
	if m.ID = messageID(m.ID); m.ID == "" {
		q.made++
		m.ID = newID(wall, q.config.PID, q.made, q.config.Host)
	}
	r := q.roads[place]
	l := &letter{Message: m, tryAt: now, expires: now.Add(q.config.MaxAge), Road: place, By: r.name, road: r}
	l.identify()
	return l
}

// identify sets what follows from the message.
func (l *letter) identify() {
	local, _, _ := strings.Cut(l.ID, "@")
	if l.Road > 0 {
		local += fmt.Sprintf("-by%d", l.Road+1)
	}
	l.name = local + mailSuffix
	l.measure()
}

// measure sets how much space the letter takes, about.
func (l *letter) measure() {
	l.size = len(l.Body) + len(l.Subject) + 500
	for _, to := range l.To {
		l.size += len(to)
	}
}

// newID returns a Message-ID that no other process gives: wall, in nanoseconds,
// with the process's number and a count.
func newID(wall time.Time, pid, n int, host string) string {
	host = strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return '-'
	}, host)
	if host == "" {
		host = "localhost"
	}
	return fmt.Sprintf("%s.%d.%d@%s", strconv.FormatInt(max(wall.UnixNano(), 0), 36), pid, n, host)
}

// isWord reports whether a rune may stand in a Message-ID of ours.
func isWord(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' || r == '_'
}

// messageID returns an ID that can stand in a header and, without what follows
// the @, in the name of a file; empty for one that cannot.
func messageID(id string) string {
	local, host, found := strings.Cut(id, "@")
	bad := func(s string) bool {
		return s == "" || len(s) > 100 || strings.HasPrefix(s, ".") || strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) })
	}
	if !found || bad(local) || bad(host) {
		return ""
	}
	return id
}

// add puts a letter among those that wait, by its age; q.mu is held.
func (q *Queue) add(l *letter) {
	at := len(q.letters)
	for at > 0 && q.letters[at-1].Time.After(l.Time) {
		at--
	}
	q.letters = append(q.letters, nil)
	copy(q.letters[at+1:], q.letters[at:])
	q.letters[at] = l
	q.bytes += l.size
}

// remove takes a letter out, and its file; q.mu is held.
func (q *Queue) remove(l *letter) {
	l.flushing = false
	for i, other := range q.letters {
		if other == l {
			q.letters = append(q.letters[:i], q.letters[i+1:]...)
			q.bytes -= l.size
			break
		}
	}
	if l.filed {
		q.spooled.remove = append(q.spooled.remove, l.name)
		if q.spooled.removeBy.IsZero() {
			q.spooled.removeBy = q.config.Clock.Now().Add(storePatience)
		}
	}
}

// maxListed is how many subjects a digest of dropped mails lists.
const maxListed = 100

// shrink counts the oldest mails in a digest where more wait than may, and
// returns what is to be logged; q.mu is held.
func (q *Queue) shrink() (lines []string) {
	for len(q.letters) > q.config.MaxMails || q.bytes > q.config.MaxBytes {
		digest, oldest := q.overflow()
		if oldest == nil {
			return lines
		}
		lines = append(lines, fmt.Sprintf("Error: %s, which is too many: %q of %s is only counted in a digest",
			wait(len(q.letters), "alert mail"), oldest.Subject, oldest.Time.Format(time.DateTime)))
		q.remove(oldest)
		if digest == nil {
			m := Message{From: oldest.From, To: oldest.To, Subject: oldest.Subject, Time: oldest.Time}
			digest = q.newLetter(m, slices.Index(q.roads, oldest.road), oldest.tryAt, oldest.Time)
			digest.expires = q.config.Clock.Now().Add(q.config.MaxAge)
			q.add(digest)
		}
		q.include(digest, oldest)
	}
	return lines
}

// overflow returns the digest of mails that did not fit, if there is one, and the
// oldest mail that can be counted in it.
func (q *Queue) overflow() (digest, oldest *letter) {
	digests := map[*road]*letter{}
	for _, l := range q.letters {
		switch {
		case l == l.road.sending:
		case l.Dropped > 0 && digests[l.road] == nil:
			digests[l.road] = l
		case oldest == nil:
			oldest = l
		}
	}
	if oldest == nil {
		return nil, nil
	}
	return digests[oldest.road], oldest
}

// include counts a letter in a digest.
func (q *Queue) include(digest, l *letter) {
	digest.Dropped += max(l.Dropped, 1)
	digest.Alerts += max(l.Alerts, 1)
	q.bytes -= digest.size
	if digest.Dropped <= maxListed {
		digest.Body += fmt.Sprintf("%s  %s\n", l.Time.Format(time.DateTime), OneLine(l.Subject, maxSubject))
	}
	_, list, found := strings.Cut(digest.Body, "\n\n")
	if !found {
		list = digest.Body
	}
	digest.Body = fmt.Sprintf("%s waited for too long and no longer fit. The log has all of them. The first:\n\n%s", plural(digest.Dropped, "mail"), list)
	digest.dirty = true
	digest.measure()
	q.bytes += digest.size
}
