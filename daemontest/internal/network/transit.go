package network

import (
	"sync"
	"time"
)

// messageTakes is how long a message is under way at least.
const messageTakes = 10 * time.Microsecond

// segment is what one end sends to the other.
type segment struct {
	data  []byte
	read  int  // how many bytes the sender has read, since it said so last
	fin   bool // the sender sends nothing more
	reset bool

	due time.Time // when it arrives, where nothing holds it up
}

// transit is what is on its way to one end of a connection. Its methods are
// called with the network's mutex held.
type transit struct {
	mu      *sync.Mutex // the network's
	faults  *Faults     // of the host
	towards Side
	until   func(towards Side, d time.Duration) time.Duration // as Config.Until
	arrive  func(segment)

	coming []segment
	timer  *time.Timer
}

// send lets s arrive when its time has come, after all that was sent before.
func (t *transit) send(s segment) {
	t.faults.met++
	takes := messageTakes
	if t.towards == Client {
		takes += t.faults.Takes
	}
	s.due = time.Now().Add(takes)
	t.coming = append(t.coming, s)
	if len(t.coming) == 1 {
		t.schedule()
	}
}

// reset drops what is on its way, and lets a reset arrive instead.
func (t *transit) reset() {
	t.coming = []segment{{reset: true, due: time.Now().Add(messageTakes)}}
	t.schedule()
}

// drop lets nothing arrive any more.
func (t *transit) drop() {
	t.coming = nil
	if t.timer != nil {
		t.timer.Stop()
	}
}

// schedule sets the timer for what arrives next, if nothing holds it up.
func (t *transit) schedule() {
	if len(t.coming) == 0 || t.held() {
		return
	}
	d := max(time.Until(t.coming[0].due), 0)
	if n := t.piece(); n > 0 && t.limited() {
		d += time.Duration(n) * time.Second / time.Duration(t.faults.Bandwidth)
	}
	wait := t.until(t.towards, d)
	if t.timer == nil {
		t.timer = time.AfterFunc(wait, t.fire)
	} else {
		t.timer.Reset(wait)
	}
}

// held reports whether the host's hanging holds up what would arrive next. A
// reset is not of the host's making.
func (t *transit) held() bool {
	if !t.faults.Hangs || t.coming[0].reset {
		return false
	}
	t.faults.met++
	return true
}

// limited reports whether bytes arrive one by one.
func (t *transit) limited() bool { return t.faults.Bandwidth > 0 && t.towards == Client }

// piece is how many bytes arrive next: what comes in a tenth of a second, where
// bytes are limited.
func (t *transit) piece() int {
	n := len(t.coming[0].data)
	if t.limited() {
		n = min(n, max(t.faults.Bandwidth/10, 1))
	}
	return n
}

// fire lets arrive what is due. What was sent at one instant arrives at one.
func (t *transit) fire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.coming) == 0 || t.held() {
		return
	}
	now := time.Now()
	if due := t.coming[0].due; due.After(now) {
		now = due // its lane is earlier than that of its sender
	}
	for len(t.coming) > 0 && !t.held() && !t.coming[0].due.After(now) {
		s, n := t.coming[0], t.piece()
		if n < len(s.data) {
			t.coming[0].data = s.data[n:]
			s.data = s.data[:n]
		} else {
			t.coming = t.coming[1:]
		}
		t.arrive(s)
		if n > 0 && t.limited() {
			break
		}
	}
	t.schedule()
}
