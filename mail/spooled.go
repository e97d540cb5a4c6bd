package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// spooled is what is known of the spool. Queue.mu guards it.
type spooled struct {
	use     bool      // there is one, and it is ours to use
	loaded  bool      // what was found there is among the letters
	busy    bool      // a job accesses it
	broken  bool      // it cannot be used at present; that was logged
	retryAt time.Time // when it is looked at again
	triedAt time.Time // when it was looked at last
	tries   int       // in a row
	problem string    // of the latest one
	remove  []string  // files that are to be deleted

	removing []string  // those that the job deletes
	removeBy time.Time // until then no further mail is sent; zero: nothing is to be deleted
}

// maxWritten is how many mails one access writes, so that those who put mails in do
// not wait for long while they are copied.
const maxWritten = 50

// usable reports whether mails get to the spool soon.
func (s *spooled) usable() bool { return s.use && !s.broken }

// A spoolJob is one access to the spool.
type spoolJob struct {
	load   bool
	write  []*letter
	copies []letter // of the letters, as they are to be written
	remove []string
	groups []group // to be written
	group  bool    // they are to be

	found   []*letter // by load
	known   []*group
	written int
	absent  bool     // there is no folder yet
	lines   []string // to be logged
	err     error    // of the spool as a whole
}

// UseSpool lets the queue use its folder from now on, and deliver what others
// have left there. Until then the folder is not touched: a process that may not
// be the only one calls this when it is. Nothing happens where there is no
// folder. It does not block.
//
// The folder is locked for this process, as long as it lives or until exec. One
// that is missing is made for the first mail, with the mode 0700; the one above
// it must be there. A folder that is full, cannot be written to, belongs to
// somebody else or is in use is logged once and looked at again, after pauses of 1 s
// to 1 min and a second after a new mail; mails wait in memory meanwhile. What is no mail is kept aside under another
// name.
func (q *Queue) UseSpool() {
	if q.config.Dir == "" || q.config.Sender == nil {
		return
	}
	q.mu.Lock()
	if !q.spooled.use && !q.groups.restored {
		q.groups.awaitedBy = q.config.Clock.Now().Add(storePatience)
	}
	q.spooled.use = true
	q.mu.Unlock()
	q.run()
}

// spoolJob returns the access to the spool that is due, if any; or when one will
// be. q.mu is held.
func (q *Queue) spoolJob(now time.Time) (job *spoolJob, at time.Time) {
	s := &q.spooled
	if !s.use || s.busy {
		return nil, time.Time{}
	}
	job = &spoolJob{load: !s.loaded}
	for _, l := range q.letters {
		if len(job.write) < maxWritten && (l.dirty || !l.stored) {
			job.write = append(job.write, l)
		}
	}
	job.group = q.groups.dirty && (q.groups.hurry || !now.Before(q.groups.writeAt))
	if !job.load && !job.group && len(job.write)+len(s.remove) == 0 {
		if q.groups.dirty {
			at = q.groups.writeAt
		}
		return nil, at
	}
	if s.broken && now.Before(s.retryAt) {
		return nil, s.retryAt
	}
	for _, l := range job.write {
		job.copies = append(job.copies, *l)
		l.dirty, l.filed = false, true
	}
	job.remove, s.remove = s.remove, nil
	s.removing = job.remove
	if job.group {
		job.groups = q.groups.snapshot()
		q.groups.dirty, q.groups.writeAt = false, now.Add(groupsPause)
	}
	return job, time.Time{}
}

// lookSoon lets a spool that cannot be used be looked at again, since there is
// something new for it. q.mu is held.
func (s *spooled) lookSoon() {
	if soon := s.triedAt.Add(firstSpoolPause); s.broken && soon.Before(s.retryAt) {
		s.retryAt = soon
	}
}

// holdsBack reports whether a further mail must wait until the file of the one
// before is deleted, so that a process that is killed has at most one delivered
// that is still on disk; not for long, as a disk that hangs must not keep mail from
// being sent. q.mu is held.
func (s *spooled) holdsBack(now time.Time) bool {
	return s.usable() && now.Before(s.removeBy)
}

// settled reports whether everything is on disk; q.mu is held.
func (q *Queue) settled() bool {
	s := &q.spooled
	return q.logging == 0 && s.loaded && !s.busy && len(s.remove) == 0 && !q.groups.dirty &&
		!slices.ContainsFunc(q.letters, func(l *letter) bool { return l.dirty || !l.stored })
}

// access does a job, and takes over what has come of it.
func (q *Queue) access(job *spoolJob) {
	q.spool.do(job)
	if job.err != nil || len(job.lines) > 0 {
		q.config.Disk.BeforeLog()
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	q.mu.Lock()
	lines := append(job.lines, q.finish(job, now, wall)...)
	over := q.ctx.Err() != nil
	if over {
		q.spool.close()
	}
	if over || q.flushed {
		lines = nil
	}
	q.logging++
	q.mu.Unlock()
	q.tell(lines)
	if !over {
		q.run()
	}
}

// finish takes over what has come of a job, and returns what is to be logged;
// q.mu is held.
func (q *Queue) finish(job *spoolJob, now, wall time.Time) (lines []string) {
	s := &q.spooled
	s.busy, s.removing = false, nil
	if len(s.remove) == 0 {
		s.removeBy = time.Time{}
	}
	if job.err != nil {
		lines = q.spoolFails(job, now)
		return lines
	}
	if s.broken && !job.absent {
		lines = append(lines, fmt.Sprintf("The alert spool %s can be used again", q.config.Dir))
		s.broken, s.tries = false, 0
	}
	if job.load {
		s.loaded = true
		q.adopt(job.found, now, wall)
		if !q.groups.restored {
			q.adoptGroups(job.known, now, wall)
		}
		lines = append(lines, q.shrink()...)
		lines = append(lines, q.release()...)
	}
	for _, l := range job.write {
		l.stored = true
		if l.Attempts == 0 && l.tryAt.After(now) {
			l.tryAt = now
		}
	}
	q.groups.stored = q.groups.stored || job.group
	return lines
}

// spoolFails notes that the spool cannot be used: the mails are sent all the same.
func (q *Queue) spoolFails(job *spoolJob, now time.Time) (lines []string) {
	s := &q.spooled
	s.retryAt = now.Add(clockwork.Backoff(firstSpoolPause, longestSpoolPause, s.tries, q.config.Name, q.config.Host))
	s.triedAt, s.problem = now, job.err.Error()
	s.tries++
	s.remove = append(job.remove, s.remove...)
	q.groups.dirty = q.groups.dirty || job.group
	for i, l := range job.write {
		l.stored = l.stored || i < job.written
		l.dirty = l.dirty || i >= job.written
	}
	for _, l := range q.letters {
		if l.Attempts == 0 && l.tryAt.After(now) {
			l.tryAt = now
		}
	}
	if !s.broken {
		lines = append(lines, fmt.Sprintf("Warning: the alert spool %s cannot be used: %v. Alert mail waits in memory", q.config.Dir, job.err))
	}
	s.broken = true
	return append(lines, q.release()...)
}

// adopt takes over the mails that were found in the spool.
func (q *Queue) adopt(found []*letter, now, wall time.Time) {
	for _, l := range found {
		if slices.Contains(q.spooled.remove, l.name) {
			continue // it was handed over, and delivered meanwhile
		}
		if at := slices.IndexFunc(q.letters, func(other *letter) bool { return other.name == l.name }); at >= 0 {
			q.letters[at].stored, q.letters[at].filed = true, true // handed over
			continue
		}
		l.tryAt, l.expires = q.terms(l, now, wall)
		l.stored, l.filed = true, true
		q.settleOn(l, now, wall)
		q.add(l)
	}
}

// terms returns when a mail of another program is tried first, and when it is
// too old to be tried again: it is tried once in any case.
func (q *Queue) terms(l *letter, now, wall time.Time) (tryAt, expires time.Time) {
	age := min(max(wall.Sub(l.Time), 0), q.config.MaxAge)
	return now, now.Add(q.config.MaxAge - age)
}

// do accesses the spool. An error of the folder as a whole ends it.
func (s *spool) do(job *spoolJob) {
	writes := len(job.write)+len(job.groups) > 0
	switch err := s.open(writes); {
	case errors.Is(err, fs.ErrNotExist) && !writes:
		job.absent = true // nobody has left anything
		return
	case err != nil:
		job.err = err
		return
	}
	for _, name := range job.remove {
		if job.err = s.remove(name); job.err != nil {
			return
		}
	}
	if job.load {
		if job.err = s.load(job); job.err != nil {
			return
		}
	}
	for i := range job.copies {
		data, err := json.Marshal(&job.copies[i])
		if err != nil { // a time beyond the year 9999
			job.copies[i].Time = time.Time{}
			data, _ = json.Marshal(&job.copies[i])
		}
		if job.err = s.write(job.copies[i].name, data); job.err != nil {
			return
		}
		job.written++
	}
	if job.group {
		if job.err = s.writeGroups(job.groups); job.err != nil {
			return
		}
	}
}

// load reads all mails, and keeps aside what is none.
func (s *spool) load(job *spoolJob) error {
	names, others, err := s.names()
	if err != nil {
		return err
	}
	if others > 0 {
		job.lines = append(job.lines, fmt.Sprintf("Warning: the alert spool %s holds %d files that are none of its own. They are left alone", s.dir, others))
	}
	job.known = s.readGroups(job)
	for _, name := range names {
		l, err := s.readLetter(name)
		if err == nil {
			job.found = append(job.found, l)
			continue
		}
		line := fmt.Sprintf("Warning: %s/%s holds no alert mail: %v. It is kept as %s", s.dir, OneLine(name, maxSubject), err, OneLine(name+badSuffix, maxSubject))
		if err := s.keepAside(name); err != nil {
			line = fmt.Sprintf("Warning: %s/%s holds no alert mail, and cannot be renamed: %v", s.dir, OneLine(name, maxSubject), err)
		}
		job.lines = append(job.lines, line)
	}
	return nil
}

// readLetter reads a mail. One whose last step was missing is completed.
func (s *spool) readLetter(name string) (*letter, error) {
	data, err := s.read(name)
	if err != nil {
		return nil, err
	}
	l, err := parseLetter(data)
	if err != nil {
		return nil, err
	}
	whole := strings.TrimSuffix(name, newSuffix)
	if l.name != whole {
		return nil, fmt.Errorf("its name is that of another mail")
	}
	if whole != name {
		err = s.root.Rename(name, whole)
	}
	return l, err
}

// parseLetter reads the text of a file.
func parseLetter(data []byte) (*letter, error) {
	l := new(letter)
	if err := json.Unmarshal(data, l); err != nil {
		return nil, err
	}
	id := messageID(l.ID)
	switch {
	case id == "":
		return nil, errors.New("it has no Message-ID")
	case len(l.To) == 0 || len(l.To) > MaxRecipients:
		return nil, fmt.Errorf("it has %d recipients", len(l.To))
	case l.Attempts < 0 || l.Dropped < 0 || l.Alerts < 0 || l.Road < 0:
		return nil, errors.New("it has a negative count")
	}
	l.identify()
	return l, nil
}
