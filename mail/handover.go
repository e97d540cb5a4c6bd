package mail

import (
	"encoding/json"
	"fmt"
	"slices"
)

// handed is what one program hands over to the next one of its process.
type handed struct {
	Dir     string
	Letters []handedLetter
	Remove  []string // files of mails that were delivered
	Groups  []group
	Unread  bool // what the spool has of the kinds is not among them
}

type handedLetter struct {
	letter
	Filed  bool // a file of it may be in the spool
	Stored bool // it is there
}

// Freeze stops the queue for the time of an exec, and returns what the next
// program is to Restore: the mails that are not known to be delivered. One that
// is under way may arrive twice, with the same ID.
func (q *Queue) Freeze() []byte {
	q.mu.Lock()
	q.frozen = true
	lines := q.release()
	state := q.handOver()
	q.mu.Unlock()
	q.log(lines)
	return state
}

// handOver returns what Freeze does; q.mu is held.
func (q *Queue) handOver() []byte {
	remove := slices.Concat(q.spooled.remove, q.spooled.removing)
	if len(q.letters)+len(q.groups.open)+len(remove) == 0 && !q.groups.dirty {
		return nil
	}
	h := handed{Dir: q.config.Dir, Groups: q.groups.snapshot(), Remove: remove, Unread: !q.spooled.loaded && !q.groups.restored}
	for _, l := range q.letters {
		h.Letters = append(h.Letters, handedLetter{letter: *l, Filed: l.filed, Stored: l.stored})
	}
	state, err := json.Marshal(h)
	if err != nil { // a time beyond the year 9999
		return nil
	}
	return state
}

// Resume ends a Freeze, where the exec has failed, and delivers what waits.
func (q *Queue) Resume() {
	q.mu.Lock()
	q.frozen, q.flushed = false, false
	waits := len(q.letters)+len(q.groups.open) > 0
	q.mu.Unlock()
	if waits {
		q.run()
	}
}

// Restore takes over what Freeze has returned in the program before. Resume then
// starts to deliver it.
func (q *Queue) Restore(state []byte) error {
	if len(state) == 0 || q.config.Sender == nil {
		return nil
	}
	var h handed
	if err := json.Unmarshal(state, &h); err != nil {
		return fmt.Errorf("mail: the alerts that the program before handed over cannot be read: %w", err)
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	q.mu.Lock()
	if h.Dir == q.config.Dir {
		q.spooled.remove = append(q.spooled.remove, h.Remove...)
	}
	for _, one := range h.Letters {
		l := one.letter
		l.identify()
		if l.Road < 0 || slices.ContainsFunc(q.letters, func(other *letter) bool { return other.name == l.name }) {
			continue // the spool had it
		}
		q.settleOn(&l, now, wall)
		l.tryAt, l.expires = q.terms(&l, now, wall)
		if h.Dir == q.config.Dir {
			l.filed, l.stored = one.Filed, one.Stored
		}
		q.add(&l)
	}
	for i := range h.Groups {
		delete(q.groups.open, h.Groups[i].Kind) // the spool's is older
		q.adoptGroups([]*group{&h.Groups[i]}, now, wall)
	}
	q.groups.restored, q.groups.dirty = !h.Unread, true
	q.mu.Unlock()
	return nil
}
