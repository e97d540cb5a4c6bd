package mail

import (
	"context"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// The defaults that the comments of QueueConfig name.
const (
	defaultWindow   = 5 * time.Minute
	defaultMaxAge   = 24 * time.Hour
	defaultMaxMails = 1000
	defaultMaxBytes = 10 << 20
)

const (
	// sendTimeout bounds one attempt to deliver.
	sendTimeout = 30 * time.Second

	// storePatience is how long the first attempt waits for the mail to be on
	// disk: a disk that hangs must not keep a mail from being sent.
	storePatience = 990 * time.Millisecond

	// The pauses between two looks at a spool that cannot be used; a new mail has it
	// looked at after the first one in any case.
	firstSpoolPause   = time.Second
	longestSpoolPause = time.Minute

	// The pause after the first attempt that fails, and the longest one.
	firstPause   = 5 * time.Second
	longestPause = 5 * time.Minute

	// refusedPause is the time between two attempts at a mail that nobody was
	// allowed to get: what cures that is a person.
	refusedPause = time.Hour
)

// QueueConfig is what a [Queue] is made of.
type QueueConfig struct {
	// Sender delivers. Nil means that the queue takes nothing. Of a Tee each of the
	// Roads delivers each mail, once, and is tried again by itself.
	Sender Sender

	// Clock tells the time. Nil means clockwork.Real().
	Clock clockwork.Clock

	// To are the recipients of what Alert takes.
	To []string

	// Describe returns what the mails of Alert end with, such as host and version.
	// It may be called by any goroutine; it must be quick. Nil means nothing.
	Describe func() string

	// Lasts tells what has become of a kind of alert that is Lasting. It may be
	// called by any goroutine; it must be quick. Nil means that what was quiet for
	// a window is over.
	Lasts func(kind string) Condition

	// Window is for how long alerts of a kind are put into one digest. Zero means
	// 5 minutes; it must not be negative. The mails on a condition that lasts
	// follow each other at twice the time of before each, up to 6 h.
	Window time.Duration

	// Name, Host and PID stand in the Message-IDs, and spread the pauses.
	Name, Host string
	PID        int

	// Dir is the folder of the spool, an absolute path; see [Queue.UseSpool].
	// Empty means that mails wait in memory only.
	Dir string

	// Disk is where the folder is. Nil means the machine's own.
	Disk Disk

	// Logf is told what becomes of mails that are not delivered at once. It may
	// be called by any goroutine of the queue. Nil means nobody.
	Logf func(format string, args ...any)

	// MaxAge is for how long a mail is tried. Zero means 24 h; it must not be
	// negative.
	MaxAge time.Duration

	// MaxMails and MaxBytes bound what waits; beyond them the oldest mails are
	// only counted in a digest. Zero means 1,000 and 10 MB.
	MaxMails int
	MaxBytes int
}

func (c *QueueConfig) setDefaults() {
	if c.Clock == nil {
		c.Clock = clockwork.Real()
	}
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	if c.Disk == nil {
		c.Disk = machineDisk{}
	}
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	if c.MaxMails == 0 {
		c.MaxMails = defaultMaxMails
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
}

// Queue delivers mails beside those who put them in, one after the other by each of the
// [Roads] of its sender, and
// tries again until each is delivered or too old. With a spool, what waits
// survives the end of the process, SIGKILL included. It is safe for concurrent
// use.
type Queue struct {
	config QueueConfig
	spool  *spool
	start  sync.Once
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}

	mu      sync.Mutex // held for instants only
	changed chan struct{}
	letters []*letter // those that wait, the oldest first
	bytes   int       // of them
	made    int       // how many IDs were given
	frozen  bool
	flushed bool // nothing is logged any more: Flush has returned
	spooled spooled
	groups  groups
	roads   []*road
	logging int // goroutines that log what has come of an access or a delivery
}

// NewQueue returns a queue that waits for its first mail: until then it has no
// goroutine and has touched nothing. Close ends it.
func NewQueue(c QueueConfig) *Queue {
	c.setDefaults()
	q := &Queue{config: c, wake: make(chan struct{}, 1), changed: make(chan struct{})}
	q.spool = &spool{dir: c.Dir, disk: c.Disk}
	if c.Sender != nil {
		q.roads = newRoads(c.Sender)
	}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// Put takes a mail that is to be delivered. It gives the mail its ID, unless it
// has one, and returns at once: it neither blocks nor fails. With a spool that
// is in use the mail is on disk within a second. A body of more than 256 kB is
// cut.
func (q *Queue) Put(m Message) {
	if q.config.Sender == nil {
		return
	}
	now, wall := q.config.Clock.Now(), q.config.Clock.Wall()
	q.mu.Lock()
	q.take(m, now, wall)
	lines := q.shrink()
	q.mu.Unlock()
	q.log(lines)
	q.run()
}

// take makes a letter of a mail for each road, and puts them among those that wait; q.mu
// is held.
func (q *Queue) take(m Message, now, wall time.Time) *letter {
	var l *letter
	for place := range q.roads {
		l = q.newLetter(m, place, now, wall)
		m.ID, l.flushing = l.ID, q.groups.hurry
		if q.spooled.usable() {
			l.tryAt = now.Add(storePatience)
		} else {
			q.spooled.lookSoon()
		}
		q.add(l)
	}
	return l
}

// tell logs lines that were counted as logging, and then lets those go on who
// wait, so that what they log comes after them.
func (q *Queue) tell(lines []string) {
	q.log(lines)
	q.mu.Lock()
	q.logging--
	q.announce()
	q.mu.Unlock()
}

func (q *Queue) log(lines []string) {
	for _, line := range lines {
		q.config.Logf("%s", line)
	}
}

// run starts the queue's goroutine, or wakes it.
func (q *Queue) run() {
	q.start.Do(func() { go q.loop() })
	q.poke()
}

// poke wakes the queue's goroutine, if it runs.
func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// loop starts what is due, until the queue is closed: at most one access to the
// spool and one delivery at a time, each in a goroutine of its own, because
// either may hang.
func (q *Queue) loop() {
	timer := q.config.Clock.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if next := q.startDue(); !next.IsZero() {
			timer.Reset(next.Sub(q.config.Clock.Now()))
		}
		select {
		case <-q.wake:
		case <-timer.C():
		case <-q.ctx.Done():
			q.mu.Lock()
			if !q.spooled.busy { // else who is there closes it
				q.spool.close()
			}
			q.mu.Unlock()
			return
		}
	}
}

// startDue starts what is due now, and returns when the next thing is; the zero
// time is never.
func (q *Queue) startDue() (next time.Time) {
	now := q.config.Clock.Now()
	if q.stopped() {
		return time.Time{}
	}
	awaited := q.awaitKinds(now)
	next = q.lookAtGroups(now)
	q.mu.Lock()
	defer q.mu.Unlock()
	earliest := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if !awaited.IsZero() {
		earliest(awaited)
	}
	if job, at := q.spoolJob(now); job != nil {
		q.spooled.busy = true
		go q.access(job)
	} else if !at.IsZero() {
		earliest(at)
	}
	for _, r := range q.roads {
		if r.sending != nil {
			continue
		}
		switch l, at := q.firstDue(r, now); {
		case l != nil && q.spooled.holdsBack(now):
			earliest(q.spooled.removeBy)
		case l != nil:
			r.sending = l
			go q.deliver(l, l.Message)
		case !at.IsZero():
			earliest(at)
		}
	}
	return next
}

// stopped reports whether nothing is to be started: for an exec, or for good.
func (q *Queue) stopped() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.frozen || q.ctx.Err() != nil
}

// announce tells those who wait that something has changed; q.mu is held.
func (q *Queue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Flush waits until each mail was tried, or ctx is done, and returns how many
// alerts were not delivered and how many of them are on disk. When the transport turns
// out to deliver nothing, the others are not waited for. One that is on disk and was
// tried before is not waited for: the next process that uses the spool tries it.
// One that is not is tried once more. What fails after Flush has returned is not
// logged, and counts as not tried, until Resume.
func (q *Queue) Flush(ctx context.Context) (waiting, stored int) {
	q.mu.Lock()
	q.groups.hurry, q.flushed = true, false
	q.groups.lookFrom = time.Time{}
	for _, r := range q.roads {
		r.away.until = time.Time{}
	}
	q.mu.Unlock()
	if q.config.Sender != nil {
		q.run()
		q.await(ctx, func() bool { return q.groups.awaitedBy.IsZero() })
	}
	now := q.config.Clock.Now()
	q.lookAtGroups(now)
	q.mu.Lock()
	for _, l := range q.letters {
		if l.Attempts > 0 && l.stored {
			continue
		}
		l.flushing = true
		if l.Attempts > 0 {
			l.tryAt = now
		}
	}
	q.mu.Unlock()
	q.poke()
	q.await(ctx, func() bool { return q.hasFlushed() })
	q.mu.Lock()
	q.flushed = true
	q.mu.Unlock()
	return q.Waiting()
}

// Settle waits until what was put in is on disk, where there is a spool, or ctx
// is done. It returns what Waiting does.
func (q *Queue) Settle(ctx context.Context) (waiting, stored int) {
	q.mu.Lock()
	q.groups.hurry = true
	q.mu.Unlock()
	q.poke()
	q.await(ctx, func() bool { return q.logging == 0 && (!q.spooled.usable() || q.settled()) })
	return q.Waiting()
}

// await returns when done, which is called with q.mu held, or ctx is.
func (q *Queue) await(ctx context.Context, done func() bool) {
	for {
		q.mu.Lock()
		over, changed := done(), q.changed
		q.mu.Unlock()
		if over {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-q.ctx.Done():
			return
		}
	}
}

// hasFlushed reports whether nothing is left to be waited for, and then sees to it
// that nothing more is logged; q.mu is held.
func (q *Queue) hasFlushed() bool {
	if len(q.groups.held) > 0 {
		return false
	}
	for _, l := range q.letters {
		if l.flushing && (l.road.away.failures == 0 || !l.stored) {
			return false
		}
	}
	q.flushed = q.logging == 0 && (!q.spooled.usable() || q.settled())
	return q.flushed
}

// Waiting returns how many alerts are not known to be delivered, and how many of
// them are on disk.
func (q *Queue) Waiting() (waiting, stored int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	inMemory := map[string]bool{} // a mail that several roads are to deliver is one
	for _, l := range q.letters {
		inMemory[l.ID] = inMemory[l.ID] || !l.stored
	}
	for _, l := range q.letters {
		memory, counts := inMemory[l.ID]
		if delete(inMemory, l.ID); !counts {
			continue
		}
		n := max(l.Alerts, 1)
		waiting += n
		if !memory {
			stored += n
		}
	}
	waiting += len(q.groups.held)
	n := q.groups.pending()
	if q.groups.stored && !q.groups.dirty {
		stored += n
	}
	return waiting + n, stored
}

// Close ends the queue. What is not delivered stays in the spool, if there is
// one. It does not wait for what is under way.
func (q *Queue) Close() { q.cancel() }
