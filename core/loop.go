package core

import (
	"encoding/binary"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Missed says what becomes of the ticks that passed while an iteration overran
// or the process was stopped. All of them are counted, whatever is done.
type Missed int

const (
	// Coalesce makes up for all of them by one iteration that starts at once; the
	// grid is met again after it. It is the default.
	Coalesce Missed = iota

	// Skip drops them and waits for the next point of the grid.
	Skip

	// CatchUp makes up for every one, back to back.
	CatchUp
)

// First says when the first iteration starts.
type First int

const (
	// Immediately starts it as soon as the daemon is set up. It is the default.
	Immediately First = iota

	// AfterInterval starts it one interval later.
	AfterInterval

	// AlignedToClock starts it at the wall clock's next round number: see
	// Aligned.
	AlignedToClock
)

type pace int

const (
	pacedEvery pace = 1 << iota
	pacedAfter
)

type jitterBy int

const (
	noJitter jitterBy = iota
	jitterOfDaemon
	jitterOfTick
)

// schedule knows when the next iteration is due. Only the event goroutine
// uses it.
type schedule struct {
	grid    clockwork.Grid
	pace    pace
	missed  Missed
	jitter  time.Duration // of each tick; below it
	names   []string      // that the jitter depends on
	served  int64         // the tick that the latest iteration was started for; -1: none yet
	next    int64         // the tick that the next one will be started for
	due     time.Time     // when
	counted int64         // the latest tick that was counted as missed
}

// begin lays the grid at the start of the daemon's first image.
func (s *schedule) begin(set *settings, now, wall time.Time) {
	s.grid = clockwork.Grid{First: now, Interval: set.interval}
	switch set.first {
	case Immediately:
	case AfterInterval:
		s.grid.First = now.Add(set.interval)
	case AlignedToClock:
		s.grid.First = now.Add(clockwork.Aligned(wall, set.interval).Sub(wall))
	}
	if set.jitterBy == jitterOfDaemon {
		s.grid.First = s.grid.First.Add(fixedJitter(set.jitter, s.names...))
	}
	s.served, s.counted = -1, -1
	s.aim(0)
}

// resume takes up the grid of the image before.
func (s *schedule) resume(first time.Time, interval time.Duration, served int64) {
	s.grid = clockwork.Grid{First: first, Interval: interval}
	s.served, s.counted = served, served
	s.aim(served + 1)
}

func (s *schedule) configure(set *settings, names ...string) {
	s.pace, s.missed, s.names = set.paced, set.missed, names
	if set.jitterBy == jitterOfTick {
		s.jitter = set.jitter
	}
}

// aim sets the tick that the next iteration is for.
func (s *schedule) aim(n int64) {
	s.next = n
	s.due = s.at(n)
}

// at is when tick n is due: on the grid, or a little later with jitter.
func (s *schedule) at(n int64) time.Time {
	at := s.grid.At(n)
	if s.jitter > 0 {
		number := binary.LittleEndian.AppendUint64(nil, uint64(n))
		at = at.Add(fixedJitter(s.jitter, append([]string{string(number)}, s.names...)...))
	}
	return at
}

// last is the last tick that was due at or before now; -1 before the first.
// Since the jitter is below the interval, it is the grid's or the one before.
func (s *schedule) last(now time.Time) int64 {
	n := s.grid.Last(now)
	if s.jitter > 0 && n >= 0 && now.Before(s.at(n)) {
		n--
	}
	return n
}

// start tells how many ticks an iteration that would start now finds missed,
// and whether it starts at all (with Skip, one that comes too late does not).
// A woken iteration before its time serves no tick.
func (s *schedule) start(now time.Time, woken bool) (missed int64, run bool) {
	if s.grid.Interval == 0 || s.pace == pacedAfter || (woken && now.Before(s.due)) {
		return 0, true
	}
	last := s.last(now)
	if last <= s.next {
		s.served = s.next
		return 0, true
	}
	missed = s.miss(now)
	switch s.missed {
	case CatchUp:
		s.served = s.next
	case Skip:
		s.served = last
		if s.at(last).Equal(now) { // this is the next point of the grid
			return missed, true
		}
		s.aim(last + 1)
		return missed, false
	default:
		s.served = last
	}
	return missed, true
}

// finish sets the due time after an iteration that ended now, and tells how
// many ticks it ran over. A tick at the very instant of the end is not missed.
func (s *schedule) finish(now time.Time) (missed int64) {
	if s.grid.Interval == 0 || s.pace == pacedAfter {
		s.due = now.Add(s.grid.Interval)
		return 0
	}
	last := s.last(now)
	missed = s.miss(now)
	switch {
	case missed == 0 || s.missed == CatchUp:
		s.aim(s.served + 1)
	case s.missed == Skip:
		s.aim(s.last(now.Add(-1)) + 1)
	default:
		s.next, s.due = last, now
	}
	return missed
}

// miss counts the ticks before now that no iteration was started for, each of
// them once.
func (s *schedule) miss(now time.Time) int64 {
	from, to := max(s.served, s.counted), s.last(now.Add(-1))
	if to <= from {
		return 0
	}
	s.counted = to
	return to - from
}

// fixedJitter is a part of max that depends on the names alone.
func fixedJitter(max time.Duration, names ...string) time.Duration {
	if max <= 0 {
		return 0
	}
	h := fnv.New64a()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	return time.Duration(h.Sum64() % uint64(max))
}

// account is what is known of the iterations. The worker writes it while an
// iteration runs, everybody may read it.
type account struct {
	iteration atomic.Int64 // the number of the latest iteration, over all images
	started   atomic.Int64 // 1 + its start since Daemon.epoch, in ns; 0 while none runs

	mu       sync.Mutex // held for instants only
	overruns int64
	missed   int64
	failures int64
	busy     time.Duration // of this image
	timed    int64         // iterations of this image that have ended
	hist     histogram
}

func (a *account) ended(took time.Duration) {
	a.mu.Lock()
	a.busy += took
	a.timed++
	a.hist.add(took)
	a.mu.Unlock()
}

func (a *account) count(counter *int64, n int64) {
	a.mu.Lock()
	*counter += n
	a.mu.Unlock()
}

// busySoFar is the time spent in iterations, the running one not counted.
func (a *account) busySoFar() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.busy
}

// Stats is what is known of a daemon's iterations.
type Stats struct {
	// Iterations, Overruns, Missed and Failures count over all images of the
	// process: iterations started, those that took longer than the interval,
	// ticks at whose instant no iteration was started, and iterations that
	// returned an error or panicked.
	Iterations, Overruns, Missed, Failures int64

	// Restarts and ErrorRestarts count restarts in place: all of them, and
	// those that followed an error and lie within the window of MaxRestarts.
	Restarts, ErrorRestarts int64

	// Mean and P99 are durations of this image's iterations. P99 is right to
	// within 10 %.
	Mean, P99 time.Duration

	// Busy is the share of this image's life spent in iterations, 0 to 1.
	Busy float64
}

func (a *account) stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Stats{
		Iterations: a.iteration.Load(),
		Overruns:   a.overruns,
		Missed:     a.missed,
		Failures:   a.failures,
		P99:        a.hist.quantile(0.99),
	}
	if a.timed > 0 {
		s.Mean = a.busy / time.Duration(a.timed)
	}
	return s
}
