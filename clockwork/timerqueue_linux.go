package clockwork

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// linger is how long the goroutine of a queue stays when its last timer was
// stopped, so that a timer that is stopped again and again starts no goroutine
// each time.
const linger = 20 * time.Millisecond

// timerQueue is the timers of one of the kernel's clocks: one descriptor and, while
// a timer runs, one goroutine for all of them.
//
//  1. A timer that is due before the descriptor's time moves that time. Any other
//     change leaves it: to wake once for nothing costs less than a system call for
//     each Stop.
//  2. The goroutine wakes at that time, fires what is due, and moves it to the next
//     timer.
//  3. When there is none, the goroutine ends.
//
// Where there is no descriptor to be had, and where it fails, the runtime's timers
// serve from then on.
type timerQueue struct {
	clock int                  // of the kernel
	now   func() time.Duration // its reading
	poll  time.Duration        // how often to look where the runtime's timers cannot follow the clock; 0: they can

	mu      sync.Mutex  // held for instants only
	running []*fdTimer  // by due; the last is due first
	fd      *timerfd    // nil: not opened yet, or none can be had
	instead *time.Timer // of the runtime; nil while fd serves
	lost    *timerfd    // one that has failed, held so that nothing closes it
	armed   time.Duration
	started bool // the goroutine runs
}

// fdTimer is a timer of a timerQueue.
type fdTimer struct {
	queue   *timerQueue
	c       chan time.Time
	due     time.Duration // by the queue's clock
	pending bool
}

var _ Timer = (*fdTimer)(nil)

// newTimer returns a timer that fires when the queue's clock reads at.
func (q *timerQueue) newTimer(at time.Duration) *fdTimer {
	t := &fdTimer{queue: q, c: make(chan time.Time, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(t, at)
	return t
}

func (t *fdTimer) C() <-chan time.Time { return t.c }

func (t *fdTimer) Stop() bool {
	t.queue.mu.Lock()
	defer t.queue.mu.Unlock()
	was := t.queue.remove(t)
	if was && len(t.queue.running) == 0 {
		t.queue.arm(t.queue.now() + linger)
	}
	return was
}

func (t *fdTimer) Reset(d time.Duration) bool {
	at := later(t.queue.now(), d)
	t.queue.mu.Lock()
	defer t.queue.mu.Unlock()
	was := t.queue.remove(t)
	t.queue.add(t, at)
	return was
}

// later returns now + d, and the end of time where that is later.
func later(now, d time.Duration) time.Duration {
	if sum := now + d; d <= 0 || sum > now {
		return sum
	}
	return 1<<63 - 1
}

// add lets a timer run that does not. The mutex is held, as in what follows.
func (q *timerQueue) add(t *fdTimer, at time.Duration) {
	t.due, t.pending = at, true
	if at <= q.now() { // needs no waiting
		q.fire(t)
		return
	}
	i, _ := slices.BinarySearchFunc(q.running, at, func(t *fdTimer, at time.Duration) int {
		if t.due > at { // equal ones fire in the order in which they were set
			return -1
		}
		return 1
	})
	q.running = slices.Insert(q.running, i, t)
	if !q.started {
		q.started = true
		q.open()
		q.arm(q.next())
		go q.run()
	} else if q.next() < q.armed {
		q.arm(q.next())
	}
}

// remove stops a timer, and takes the value that it may have sent.
func (q *timerQueue) remove(t *fdTimer) (was bool) {
	was, t.pending = t.pending, false
	if was {
		i := slices.Index(q.running, t)
		q.running = slices.Delete(q.running, i, i+1)
		return was
	}
	select {
	case <-t.c:
	default:
	}
	return was
}

// fire sends the timer's value.
func (q *timerQueue) fire(t *fdTimer) {
	t.pending = false
	t.c <- time.Now() // it is empty: the timer did not run
}

func (q *timerQueue) next() time.Duration { return q.running[len(q.running)-1].due }

// open gets the descriptor, if there is none yet.
func (q *timerQueue) open() {
	if q.fd != nil || q.instead != nil {
		return
	}
	fd, err := newTimerfd(q.clock)
	if err != nil { // there may be no free descriptor
		q.instead = time.NewTimer(0)
		return
	}
	q.fd = fd
}

// arm makes the goroutine wake at that time.
func (q *timerQueue) arm(at time.Duration) {
	q.armed = at
	if q.fd == nil {
		q.armInstead()
		return
	}
	if q.fd.set(at) != nil {
		q.fd.wake()
		q.replace()
		q.armInstead()
	}
}

// replace gives up the descriptor. It is not closed: if it does not work, then
// because its number is another file's by now.
func (q *timerQueue) replace() {
	q.lost, q.fd, q.instead = q.fd, nil, time.NewTimer(0)
}

func (q *timerQueue) armInstead() {
	left := q.armed - q.now()
	if q.poll > 0 {
		left = min(left, q.poll)
	}
	q.instead.Reset(left)
}

// run wakes at the time of each timer, until there is none.
func (q *timerQueue) run() {
	for q.wait() {
	}
}

// wait waits for one wake-up, and reports whether there is another one to come.
func (q *timerQueue) wait() bool {
	q.mu.Lock()
	fd, instead := q.fd, q.instead
	q.mu.Unlock()
	var err error
	if fd != nil {
		err = fd.wait()
	} else {
		<-instead.C
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil && q.fd == fd {
		q.replace()
	}
	return q.woken()
}

// woken fires what is due.
func (q *timerQueue) woken() bool {
	now := q.now()
	for len(q.running) > 0 && q.next() <= now {
		last := len(q.running) - 1
		t := q.running[last]
		q.running[last] = nil
		q.running = q.running[:last]
		q.fire(t)
	}
	if len(q.running) == 0 {
		q.started = false
		return false
	}
	q.arm(q.next())
	return true
}

// monotonic is the queue of CLOCK_MONOTONIC, which Now reads, and bootTime that of
// CLOCK_BOOTTIME.
var (
	monotonic = &timerQueue{clock: unix.CLOCK_MONOTONIC, now: sinceMonotonicZero}
	bootTime  = &timerQueue{clock: unix.CLOCK_BOOTTIME, now: sinceBoot, poll: bootPoll}
)

// sinceMonotonicZero reads CLOCK_MONOTONIC without a system call: time.Now's
// reading is that of the same clock, from another zero.
func sinceMonotonicZero() time.Duration {
	z := monotonicZero()
	return z.reading + time.Since(z.at)
}

// zero is a reading of the kernel's clock, and the time just before it.
type zero struct {
	at      time.Time
	reading time.Duration
}

// monotonicZero takes the closest of some readings. The time between the two of them
// makes each timer that much late, and never early.
var monotonicZero = sync.OnceValue(func() (z zero) {
	closest := time.Duration(1<<63 - 1)
	for range 10 {
		var ts unix.Timespec
		at := time.Now()
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail for this clock
		if apart := time.Since(at); apart < closest {
			closest, z = apart, zero{at, time.Duration(ts.Nano())}
		}
	}
	return z
})
