package world

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
)

// pending is how signals reach a process, and what stops and resumes it. A
// signal that is sent lies in arrived until the process's own lane comes; then
// a delivery hands over all that have arrived, in their order. So nothing that
// a signal causes happens at the instant at which its sender still acts.
type pending struct {
	time  *worldTime
	block int
	kill  func(os.Signal) // ends the process

	stopped atomic.Bool  // resumed is not nil
	last    atomic.Int64 // when signals came last, plus one; 0: long ago

	mu         sync.Mutex // held for instants only
	effect     effects
	arrived    []os.Signal
	delivering bool              // a delivery is on its way
	unreturned map[os.Signal]int // those whose deliver has not returned yet
	idle       *sync.Cond        // unreturned has become empty
	resumed    chan struct{}     // not nil while the process is stopped
	heldUp     int               // how many of its goroutines wait for that
	listened   bool              // once at least
	ended      bool              // the process is no more
}

// effects is what each signal does to a process.
type effects struct {
	deliver func(os.Signal)
	listens []os.Signal
	ignored []os.Signal
}

// harmless are the signals that by default end no process.
var harmless = [...]os.Signal{syscall.SIGCONT, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH}

// kills reports whether sig has its default effect, and that is death.
func (e *effects) kills(sig os.Signal) bool {
	return !e.delivers(sig) && !slices.Contains(e.ignored, sig) && !slices.Contains(harmless[:], sig)
}

func (e *effects) delivers(sig os.Signal) bool {
	return e.deliver != nil && slices.Contains(e.listens, sig)
}

func newPending(t *worldTime, block int, kill func(os.Signal)) *pending {
	s := &pending{time: t, block: block, kill: kill, unreturned: map[os.Signal]int{}}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// send does what kill(2) does; SIGKILL is not for it.
func (s *pending) send(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case sig == syscall.SIGSTOP:
		if s.resumed == nil {
			s.resumed = make(chan struct{})
			s.stopped.Store(true)
		}
		return
	case sig == syscall.SIGCONT && s.resumed != nil:
		s.arrived = slices.Insert(s.arrived, 0, sig) // before what has waited for it
		s.stopped.Store(false)
		close(s.resumed)
		s.resumed, s.heldUp = nil, 0
	default:
		s.arrived = append(s.arrived, sig)
	}
	if s.resumed == nil && !s.delivering {
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
func (s *pending) next() (os.Signal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.resumed != nil || len(s.arrived) == 0 {
		s.delivering = false
		return nil, false
	}
	sig := s.arrived[0]
	s.arrived = s.arrived[1:]
	return sig, true
}

// handOver calls deliver in a goroutine for each kind of signal, so that a busy
// kind holds up no other. The channel is closed when deliver has returned; it
// is nil where there is nothing to wait for.
func (s *pending) handOver(sig os.Signal) (returned chan struct{}) {
	s.mu.Lock()
	if !s.effect.delivers(sig) {
		kills := s.effect.kills(sig)
		s.mu.Unlock()
		if kills {
			s.kill(sig)
		}
		return nil
	}
	defer s.mu.Unlock()
	switch s.unreturned[sig]++; {
	case s.unreturned[sig] > 2 && sig != syscall.SIGTERM && sig != syscall.SIGINT:
		s.unreturned[sig]-- // merged with the one that waits
		return nil
	case s.unreturned[sig] > 1:
		return nil // the goroutine of its kind will see to it
	}
	deliver := s.effect.deliver
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
func (s *pending) another(sig os.Signal) bool {
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

// listen makes deliver receive sigs from now on.
func (s *pending) listen(sigs []os.Signal, deliver func(os.Signal)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effect.deliver, s.effect.listens = deliver, slices.Clone(sigs)
	s.effect.ignored = slices.DeleteFunc(s.effect.ignored, func(sig os.Signal) bool { return slices.Contains(sigs, sig) })
	s.listened = true
}

// quiesce ends listening: what has arrived still has its effect, and every
// deliver has returned when quiesce does.
func (s *pending) quiesce(ignore []os.Signal) {
	s.mu.Lock()
	before, arrived := s.effect, s.arrived
	s.effect.deliver, s.arrived = nil, nil
	s.effect.ignored = append(s.effect.ignored, ignore...)
	s.mu.Unlock()
	for _, sig := range arrived {
		switch {
		case before.kills(sig):
			s.kill(sig)
		case before.delivers(sig):
			before.deliver(sig)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.unreturned) > 0 {
		s.idle.Wait()
	}
}

// exec is what exec(2) does: handlers are gone, what was ignored stays so.
func (s *pending) exec() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effect.deliver, s.effect.listens = nil, nil
}

// end is for a process that is no more. It returns the deliver that was in
// force, or nil.
func (s *pending) end() (deliver func(os.Signal)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return s.effect.deliver
}

// stop tells a goroutine of a stopped process what to wait for, and how many
// wait already; nil when the process is not stopped.
func (s *pending) stop() (resumed <-chan struct{}, rank int) {
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
