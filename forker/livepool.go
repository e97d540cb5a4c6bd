package forker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/internal/histogram"
)

// Pauses between workers that fail one after the other.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
)

// livePool is a pool as one group has it: the queue and the workers.
//
// Its mutex is taken after the group's, and never before it.
type livePool struct {
	pool  *Pool
	group *Group

	mu       sync.Mutex
	queue    []*call
	workers  []*worker
	starts   []*worker     // those of them that are to be started
	starting bool          // a goroutine does so
	warm     bool          // all workers are wanted, also without calls
	closed   bool          // no worker may be started
	stopped  bool          // no call is taken
	stop     chan struct{} // closed when stopped
	changed  chan struct{} // closed at the next change of anything; nil where nobody waits
	failures int           // workers that failed since the last answer
	lastErr  error         // of a worker that failed
	pausing  bool          // no worker is started until a pause is over

	done, failed, retried, recycles, crashes int64
	took                                     histogram.Histogram
}

// live returns the pool as a group has it.
func (p *Pool) live(g *Group) *livePool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, live := range g.pools {
		if live.pool == p {
			return live
		}
	}
	live := &livePool{pool: p, group: g, closed: g.closed, stopped: g.closed, stop: make(chan struct{})}
	g.pools = append(g.pools, live)
	return live
}

// start starts all workers and waits until they are ready.
func (l *livePool) start(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.mu.Lock()
	l.warm, l.lastErr = true, nil
	l.proceed()
	for {
		l.mu.Lock()
		if err := l.lastErr; err != nil || l.stopped {
			l.mu.Unlock()
			return errors.Join(err, l.refusal())
		}
		ready := 0
		for _, w := range l.workers {
			if w.wasReady {
				ready++
			}
		}
		if ready >= l.pool.config.Workers {
			l.mu.Unlock()
			return nil
		}
		changed := l.awaitChange()
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// enqueue takes a call, or waits until there is space for it.
func (l *livePool) enqueue(ctx context.Context, c *call) error {
	timer := l.group.newTimer(l.pool.config.Timeout)
	defer timer.Stop()
	for {
		l.mu.Lock()
		err := l.refusal()
		if err == nil && len(l.queue) < l.pool.config.MaxQueue {
			c.queuedAt = l.group.clock().Now()
			l.queue = append(l.queue, c)
			l.proceed()
			return nil
		}
		if err == nil && l.pool.config.Full == Refuse {
			err = fmt.Errorf("%w: %d calls wait for a worker (PoolConfig.MaxQueue)%s", ErrFull, len(l.queue), l.note())
		}
		if err != nil {
			l.mu.Unlock()
			return err
		}
		changed, note := l.awaitChange(), l.note()
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return &CallError{Err: context.Cause(ctx), note: note}
		case <-timer.C():
			return &CallError{
				Err:  fmt.Errorf("no space in the queue within %v: %w", l.pool.config.Timeout, context.DeadlineExceeded),
				note: note,
			}
		}
	}
}

// refusal returns ErrClosed where a call cannot be taken; mu is held.
func (l *livePool) refusal() error {
	if l.stopped || l.closed && !slices.ContainsFunc(l.workers, (*worker).serves) {
		return ErrClosed
	}
	return nil
}

// serves reports whether a worker runs calls, or will.
func (w *worker) serves() bool {
	return w.state == workerStarting || w.state == workerIdle || w.state == workerBusy
}

// delivery is a call that goes to a worker.
type delivery struct {
	call   *call
	worker *worker
}

// atOnce is the longest argument that an idle worker's pipe takes at once: half
// of what it holds, so that sending it blocks nobody.
const atOnce = 32 << 10

// proceed does what is due after a change, and releases mu.
func (l *livePool) proceed() {
	var none [1]delivery
	deliveries := l.assign(none[:0])
	l.starts = append(l.starts, l.wanted()...)
	begin := len(l.starts) > 0 && !l.starting
	l.starting = l.starting || begin
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	l.mu.Unlock()
	if begin {
		go l.startWorkers()
	}
	for i, d := range deliveries {
		if i < len(deliveries)-1 || len(d.call.input) > atOnce {
			go d.worker.deliver(d.call)
			continue
		}
		d.worker.deliver(d.call)
	}
}

// assign gives the queued calls to workers that are idle; mu is held. Where no
// worker can come any more, the calls end.
func (l *livePool) assign(deliveries []delivery) []delivery {
	if err := l.refusal(); err != nil {
		for _, c := range l.queue {
			c.end(nil, &CallError{Err: err})
		}
		l.queue = nil
	}
	for len(l.queue) > 0 {
		at := slices.IndexFunc(l.workers, func(w *worker) bool { return w.state == workerIdle })
		if at < 0 {
			break
		}
		c, w := l.queue[0], l.workers[at]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		w.state, w.call = workerBusy, c
		c.state, c.worker, c.sent = CallRunning, w, false
		deliveries = append(deliveries, delivery{c, w})
	}
	return deliveries
}

// wanted makes the workers that are to be started; mu is held.
func (l *livePool) wanted() (starts []*worker) {
	if l.closed || l.pausing {
		return nil
	}
	missing := len(l.queue)
	for _, w := range l.workers {
		if w.state == workerStarting {
			missing--
		}
	}
	if l.warm {
		missing = l.pool.config.Workers
	}
	for ; missing > 0 && len(l.workers) < l.pool.config.Workers; missing-- {
		w := &worker{live: l}
		l.workers = append(l.workers, w)
		starts = append(starts, w)
	}
	return starts
}

// requeue puts a call back that has not run, or is to run once more; mu is held.
func (l *livePool) requeue(c *call) {
	c.state, c.worker = CallQueued, nil
	l.queue = slices.Insert(l.queue, 0, c)
}

// unqueue takes a call out of the queue; mu is held.
func (l *livePool) unqueue(c *call) {
	l.queue = slices.DeleteFunc(l.queue, func(other *call) bool { return other == c })
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// awaitChange returns what is closed at the next change; mu is held.
func (l *livePool) awaitChange() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// startWorkers starts the workers that are to be started, one after the other, so
// that their order is no chance.
func (l *livePool) startWorkers() {
	for {
		l.mu.Lock()
		if len(l.starts) == 0 {
			l.starting = false
			l.mu.Unlock()
			return
		}
		w := l.starts[0]
		l.starts = l.starts[1:]
		l.mu.Unlock()
		l.startWorker(w)
	}
}

// startWorker starts a worker.
func (l *livePool) startWorker(w *worker) {
	g := l.group
	s, err := g.settings(l.pool.config.Options)
	if err == nil {
		s.timeout, s.whenFull, s.atMost, s.outlives = l.pool.config.Timeout, Refuse, 0, false
		w.child = newChild(l.pool.name, nil, s)
		w.child.worker = w
		err = g.fork(w.child)
	}
	if err == nil {
		return
	}
	if !errors.Is(err, ErrClosed) && g.OnFailure != nil {
		g.OnFailure(Info{Task: l.pool.name, Worker: true, State: Ended}, fmt.Errorf("forker: start a worker of pool %s: %w", l.pool.name, err))
	}
	l.remove(w, err)
}

// remove forgets a worker that has ended, or could not be started.
func (l *livePool) remove(w *worker, err error) {
	l.mu.Lock()
	l.workers = slices.DeleteFunc(l.workers, func(other *worker) bool { return other == w })
	if !w.expected && !l.closed {
		l.crashes++
		l.fail(w, err)
	}
	l.proceed()
}

// fail notes that a worker failed. The next one is started after a pause, unless
// this one was ready and is the first to fail since the last answer; mu is held.
func (l *livePool) fail(w *worker, err error) {
	l.lastErr = err
	if l.pausing {
		return
	}
	if l.failures++; l.failures == 1 && w.wasReady {
		return
	}
	pause := min(firstPause<<min(l.failures-1, 16), maxPause)
	l.pausing = true
	go l.pause(pause, l.stop)
}

// pause lets workers be started again when d is over.
func (l *livePool) pause(d time.Duration, stop <-chan struct{}) {
	timer := l.group.newTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-stop:
	}
	l.mu.Lock()
	l.pausing = false
	l.proceed()
}

// note says why a call that waits has not run; mu is held.
func (l *livePool) note() string {
	busy := 0
	for _, w := range l.workers {
		if w.call != nil {
			busy++
		}
	}
	if busy == 0 && l.lastErr != nil {
		return fmt.Sprintf(" (there is no worker; the last one failed: %v)", l.lastErr)
	}
	return fmt.Sprintf(" (%d of %d workers are busy)", busy, l.pool.config.Workers)
}

// recycling returns why a worker is to be replaced after its latest answer; ""
// where it is not. mu is held.
func (l *livePool) recycling(w *worker, m Message) string {
	config := &l.pool.config
	switch age := l.group.clock().Now().Sub(w.readyAt); {
	case l.closed:
		return ""
	case m.Kind == Panicked:
		return "its call panicked"
	case config.RecycleCalls > 0 && w.calls >= config.RecycleCalls:
		return fmt.Sprintf("it has answered %d calls", w.calls)
	case config.RecycleAge > 0 && age >= config.RecycleAge:
		return fmt.Sprintf("its age is %v", age.Round(time.Millisecond))
	case config.RecycleMemory > 0 && int64(w.resident) > config.RecycleMemory:
		return fmt.Sprintf("it has %d bytes of memory", w.resident)
	}
	return ""
}

// count counts a call that has ended; mu is held.
func (l *livePool) count(c *call) {
	if c.err == nil {
		l.done++
		l.took.Add(l.group.clock().Now().Sub(c.queuedAt))
		return
	}
	l.failed++
}

// refuse lets no worker be started any more. Calls go on with those that live.
func (l *livePool) refuse() {
	l.mu.Lock()
	l.closed = true
	l.proceed()
}

// end takes no calls any more, and ends those that wait.
func (l *livePool) end() {
	l.mu.Lock()
	if !l.stopped {
		close(l.stop)
	}
	l.closed, l.stopped = true, true
	l.proceed()
}

// accept undoes refuse and end.
func (l *livePool) accept() {
	l.mu.Lock()
	if l.stopped {
		l.stop = make(chan struct{})
	}
	l.closed, l.stopped, l.failures = false, false, 0
	l.proceed()
}
