package core

import (
	"sync"
	"sync/atomic"
	"time"
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
	busy     time.Duration // of this program
	timed    int64         // iterations of this program that have ended
	hist     histogram
}

// begin counts an iteration that starts now, and returns its number.
func (c *counters) begin(now time.Time) int64 {
	n := c.iteration.Add(1)
	c.running.Store(int64(now.Sub(c.epoch)) + 1)
	return n
}

// end counts an iteration whose Execute has returned.
func (c *counters) end(took time.Duration, failed bool) {
	c.mu.Lock()
	c.busy += took
	c.timed++
	c.hist.add(took)
	if failed {
		c.failures++
	}
	c.mu.Unlock()
}

// idle notes that the iteration that has started then is over, hooks included.
func (c *counters) idle(start time.Time) {
	c.running.CompareAndSwap(int64(start.Sub(c.epoch))+1, 0)
}

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

func (c *counters) countOverrun() {
	c.mu.Lock()
	c.overruns++
	c.mu.Unlock()
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
		P99:        c.hist.quantile(0.99),
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
