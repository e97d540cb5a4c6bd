package core

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/internal/histogram"
	"github.com/evertick/evertick/mail"
)

// Stats is what is known of a daemon's iterations.
type Stats struct {
	// Iterations, Overruns, Missed and Failures count over all programs of the
	// process: iterations started, those that took longer than the interval,
	// ticks at whose instant no iteration was started, and iterations that
	// returned an error or panicked.
	Iterations, Overruns, Missed, Failures int64

	// Restarts and ErrorRestarts count restarts in place: all of them, and
	// those that followed an error and lie within the window of MaxRestarts, or
	// without one within 10 min.
	Restarts, ErrorRestarts int64

	// Mean and P99 are durations of this program's iterations. P99 is right to
	// within 10 %.
	Mean, P99 time.Duration

	// Busy is the share of this program's life spent in iterations, with the one
	// that runs, 0 to 1.
	Busy float64
}

// counters is what is counted of the iterations. The worker writes it while an
// iteration runs, every goroutine may read it.
type counters struct {
	epoch     time.Time    // a fixed reading of Clock.Now; set once, before the first iteration
	iteration atomic.Int64 // the number of the latest iteration, over all programs
	running   atomic.Int64 // 1 + its start since epoch, in ns; 0 while none runs

	mu       sync.Mutex // held for instants only
	overruns int64
	missed   int64
	failures int64
	failing  bool          // the latest iteration of this program failed
	overran  bool          // it took longer than the interval
	busy     time.Duration // of this program
	timed    int64         // iterations of this program that have ended
	hist     histogram.Histogram
}

// begin counts an iteration that starts now, and returns its number and what running
// is for it.
func (c *counters) begin(now time.Time) (n, running int64) {
	n, running = c.iteration.Add(1), int64(now.Sub(c.epoch))+1
	c.running.Store(running)
	return n, running
}

// end counts an iteration whose Execute has returned.
func (c *counters) end(took time.Duration, failed bool) {
	c.mu.Lock()
	c.busy += took
	c.timed++
	c.hist.Add(took)
	if c.failing = failed; failed {
		c.failures++
	}
	c.mu.Unlock()
}

// idle notes that the iteration that running stands for is over, hooks included.
func (c *counters) idle(running int64) { c.running.CompareAndSwap(running, 0) }

// startOfRunning returns when the iteration that runs has started; false while
// none runs.
func (c *counters) startOfRunning() (time.Time, bool) {
	started := c.running.Load()
	return c.epoch.Add(time.Duration(started - 1)), started != 0
}

func (c *counters) countMissed(n int64) {
	c.mu.Lock()
	c.missed += n
	c.mu.Unlock()
}

// countOverrun notes whether the latest iteration took longer than the interval.
func (c *counters) countOverrun(overran bool) {
	c.mu.Lock()
	if c.overran = overran; overran {
		c.overruns++
	}
	c.mu.Unlock()
}

// failureLasts tells whether iterations still fail: whether the latest one of this
// program has succeeded.
func (c *counters) failureLasts() mail.Condition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing || c.timed == 0 {
		return mail.Unproven
	}
	return mail.Over
}

// overrunLasts tells whether iterations still take longer than the interval.
func (c *counters) overrunLasts(now time.Time, interval time.Duration) mail.Condition {
	if start, running := c.startOfRunning(); running && interval > 0 && now.Sub(start) > interval {
		return mail.Ongoing
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.overran || c.timed == 0 {
		return mail.Unproven
	}
	return mail.Over
}

// restore takes over the counts of the program before.
func (c *counters) restore(s Stats) {
	c.iteration.Store(s.Iterations)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overruns, c.missed, c.failures = s.Overruns, s.Missed, s.Failures
}

// stats returns all but the restarts. now is a reading of the clock that epoch
// is of.
func (c *counters) stats(now time.Time) Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{
		Iterations: c.iteration.Load(),
		Overruns:   c.overruns,
		Missed:     c.missed,
		Failures:   c.failures,
		P99:        c.hist.Quantile(0.99),
	}
	if c.timed > 0 {
		s.Mean = c.busy / time.Duration(c.timed)
	}
	busy := c.busy
	if start, running := c.startOfRunning(); running {
		busy += now.Sub(start)
	}
	if up := now.Sub(c.epoch); up > 0 {
		s.Busy = min(float64(busy)/float64(up), 1)
	}
	return s
}
