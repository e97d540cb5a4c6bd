package core

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/mail"
)

const (
	recentDepth = 20  // messages that a mail shows
	recentWidth = 300 // characters of each
)

// recentLog is the latest messages of the log, for mails. It is safe for
// concurrent use.
type recentLog struct {
	mu       sync.Mutex // held for instants only
	messages [recentDepth]recentMessage
	next     int
}

type recentMessage struct {
	at   time.Time
	pid  int
	text string
}

func (r *recentLog) add(at time.Time, pid int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages[r.next] = recentMessage{at, pid, text}
	r.next = (r.next + 1) % recentDepth
}

// prepend puts messages before those that are there.
func (r *recentLog) prepend(before []recentMessage) {
	r.mu.Lock()
	messages, next := r.messages, r.next
	r.messages, r.next = [recentDepth]recentMessage{}, 0
	r.mu.Unlock()
	for _, m := range before {
		r.add(m.at, m.pid, m.text)
	}
	for i := range messages {
		if m := messages[(next+i)%recentDepth]; !m.at.IsZero() {
			r.add(m.at, m.pid, m.text)
		}
	}
}

// lines returns the first line of each message, the oldest first.
func (r *recentLog) lines() string {
	r.mu.Lock()
	messages, next := r.messages, r.next
	r.mu.Unlock()
	var b strings.Builder
	for i := range messages {
		m := messages[(next+i)%recentDepth]
		if m.at.IsZero() {
			continue
		}
		line, _, _ := strings.Cut(m.text, "\n")
		fmt.Fprintf(&b, "[%s] %d %s\n", m.at.Format(time.DateTime), m.pid, mail.OneLine(line, recentWidth))
	}
	return b.String()
}
