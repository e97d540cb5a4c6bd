package world

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// pending is how signals reach a process, and what stops and resumes it. A
// signal that is sent waits until the process's own lane comes; then a delivery
// hands over all that wait, in the kernel's order. So nothing that a signal
// causes happens at the instant at which its sender still acts. As in the
// kernel, a second one of a kind is merged with the one that waits; for a
// stopped process all wait. Real-time signals, which the kernel counts, are
// merged, too.
type pending struct {
	time   *worldTime
	block  int
	fatal  func(sig syscall.Signal, how effect) // ends the process
	paused func(stopped bool)                   // stops or resumes it; the mutex is held

	stopped atomic.Bool  // resumed is not nil
	last    atomic.Int64 // when signals came last, plus one; 0: long ago

	mu         sync.Mutex // held for instants only
	effects    effects
	waiting    signalSet
	delivering bool                   // a delivery is on its way
	unreturned map[syscall.Signal]int // those whose deliver has not returned yet
	idle       *sync.Cond             // unreturned has become empty
	resumed    chan struct{}          // not nil while the process is stopped
	heldUp     int                    // how many of its goroutines wait for that
	listened   bool                   // once at least
	ended      bool                   // the process is no more
}

func newPending(t *worldTime, block int, fatal func(syscall.Signal, effect), paused func(stopped bool)) *pending {
	s := &pending{time: t, block: block, fatal: fatal, paused: paused, unreturned: map[syscall.Signal]int{}}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// send does what kill(2) does; SIGKILL is not for it.
func (s *pending) send(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case sig == syscall.SIGCONT:
		s.waiting &^= stops
		s.resume()
	case stops.has(sig):
		s.waiting &^= continues
	}
	switch {
	case sig == syscall.SIGSTOP:
		s.stop()
	case s.effects.of(sig) != effectNone || s.effects.held.has(sig):
		s.waiting |= setOf(sig)
		s.wake()
	}
}

func (s *pending) stop() {
	if s.resumed == nil {
		s.resumed = make(chan struct{})
		s.stopped.Store(true)
		s.paused(true)
	}
}

// resume lets go on what a stop has held up; s.mu is held, as for stop and wake.
func (s *pending) resume() {
	if s.resumed != nil {
		s.stopped.Store(false)
		close(s.resumed)
		s.resumed, s.heldUp = nil, 0
		s.paused(false)
	}
	s.wake()
}

// wake starts a delivery if there is something to deliver.
func (s *pending) wake() {
	if s.resumed == nil && !s.delivering && s.waiting&^s.effects.held != 0 {
		s.delivering = true
		go s.delivery()
	}
}

// delivery hands over what has arrived. It waits for each deliver to return, or
// to block, which in a bubble is what lets time move on.
func (s *pending) delivery() {
	s.time.sleepUntilLane(s.block, laneSignal)
	s.last.Store(int64(s.time.now()) + 1)
	for {
		sig, ok := s.next()
		if !ok {
			return
		}
		returned := s.handOver(sig)
		if returned == nil {
			continue
		}
		blocks := after(1)
		select {
		case <-returned:
		case <-blocks.C:
		}
		blocks.Stop()
	}
}

// next is the signal to be handed over next; false ends the delivery.
func (s *pending) next() (syscall.Signal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sig := (s.waiting &^ s.effects.held).next()
	if s.ended || s.resumed != nil || sig == 0 {
		s.delivering = false
		return 0, false
	}
	s.waiting &^= setOf(sig)
	return sig, true
}

// maxUnreturned is how many signals of a kind a listener takes while deliver is
// busy: of the stops as many as its buffer holds, of the others one.
func maxUnreturned(sig syscall.Signal) int {
	if sig == syscall.SIGTERM || sig == syscall.SIGINT {
		return 1 + 64
	}
	return 1 + 1
}

// handOver gives a signal its effect. It calls deliver in a goroutine for each
// kind, so that a busy kind holds up no other. The channel is closed when
// deliver has returned; it is nil where there is nothing to wait for.
func (s *pending) handOver(sig syscall.Signal) (returned chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch how := s.effects.of(sig); how {
	case effectNone:
		return nil
	case effectStop:
		s.stop()
		return nil
	case effectDeliver:
	default:
		s.mu.Unlock()
		s.fatal(sig, how)
		s.mu.Lock()
		return nil
	}
	if n := s.unreturned[sig]; n > 0 { // the goroutine of its kind will see to it
		s.unreturned[sig] = min(n+1, maxUnreturned(sig))
		return nil
	}
	s.unreturned[sig] = 1
	deliver := s.effects.deliver
	returned = make(chan struct{})
	go func() {
		deliver(sig)
		close(returned)
		for s.another(sig) {
			deliver(sig)
		}
	}()
	return returned
}

// another notes that deliver has returned, and reports whether one more signal
// of the kind waits.
func (s *pending) another(sig syscall.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unreturned[sig]--; s.unreturned[sig] > 0 {
		return true
	}
	if delete(s.unreturned, sig); len(s.unreturned) == 0 {
		s.idle.Broadcast()
	}
	return false
}

// begin is for a program of the process that begins.
func (s *pending) begin(restarted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effects.begin(restarted)
}

// listen makes deliver receive sigs from now on.
func (s *pending) listen(sigs []os.Signal, deliver func(os.Signal)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effects.listen(sigs, deliver)
	s.listened = true
	s.wake()
}

// quiesce ends listening: what has arrived still has its effect, and every
// deliver has returned when quiesce does.
func (s *pending) quiesce(ignore []os.Signal) {
	s.mu.Lock()
	before := s.effects
	arrived := s.waiting &^ before.held
	s.waiting &= before.held
	s.effects.quiesce(ignore)
	s.mu.Unlock()
	for sig := arrived.next(); sig != 0; sig = arrived.next() {
		arrived &^= setOf(sig)
		switch how := before.of(sig); how {
		case effectNone:
		case effectDeliver:
			before.deliver(sig)
		case effectStop:
			s.mu.Lock()
			s.stop()
			s.mu.Unlock()
		default:
			s.fatal(sig, how)
			arrived = 0
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.unreturned) > 0 {
		s.idle.Wait()
	}
}

// exec is what exec(2) does.
func (s *pending) exec() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effects.exec()
}

// end is for a process that is no more.
func (s *pending) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// lastDeliver returns the deliver that was in force last, or nil.
func (s *pending) lastDeliver() func(os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.effects.deliver
}

// await tells a goroutine of a stopped process what to wait for, and how many
// wait already; nil when the process is not stopped.
func (s *pending) await() (resumed <-chan struct{}, rank int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumed == nil {
		return nil, 0
	}
	s.heldUp++
	return s.resumed, s.heldUp - 1
}

// everListened reports whether the process has come as far as to listen, which
// launchers, trials and those that only send a signal do not.
func (s *pending) everListened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listened
}
