package daemontest

import (
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// inbox is how signals reach a process. One that is sent lies in arrived until
// the process's own lane comes; then a courier delivers all that have arrived,
// in their order. So nothing that a signal causes happens at the instant at
// which somebody else still acts. The process's mutex guards it.
type inbox struct {
	deliver func(os.Signal)
	listens []os.Signal
	ignored []os.Signal
	arrived []os.Signal
	courier bool              // one is on its way
	waiting map[os.Signal]int // those whose deliver has not returned yet
	idle    *sync.Cond        // waiting has become empty
}

// harmless are the signals that kill nobody who does not listen for them.
var harmless = []os.Signal{syscall.SIGCONT, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGWINCH}

// kills reports whether sig has its default effect, and that is death.
func (in *inbox) kills(sig os.Signal) bool {
	return !in.heard(sig) && !slices.Contains(in.ignored, sig) && !slices.Contains(harmless, sig)
}

func (in *inbox) heard(sig os.Signal) bool {
	return in.deliver != nil && slices.Contains(in.listens, sig)
}

// signal does what kill(2) does.
func (p *process) signal(sig os.Signal) error {
	if _, over := p.end(); over {
		return os.ErrProcessDone
	}
	if sig == syscall.SIGKILL {
		p.die(sig)
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	in := &p.signals
	switch {
	case sig == syscall.SIGSTOP:
		if p.thaw == nil {
			p.thaw = make(chan struct{})
			p.stopped.Store(true)
		}
		return nil
	case sig == syscall.SIGCONT && p.thaw != nil:
		in.arrived = slices.Insert(in.arrived, 0, sig) // before what has waited for it
		p.stopped.Store(false)
		close(p.thaw)
		p.thaw, p.frozen = nil, 0
	default:
		in.arrived = append(in.arrived, sig)
	}
	if p.thaw == nil && !in.courier {
		in.courier = true
		go p.deliverAll()
	}
	return nil
}

// deliverAll is the courier. It waits for each deliver to return, or to block,
// which in a bubble is what lets time move on.
func (p *process) deliverAll() {
	p.world.cross(p.block, laneSignal)
	p.shaken.Store(int64(p.world.now()) + 1)
	for {
		sig, ok := p.nextSignal()
		if !ok {
			return
		}
		taken := p.hand(sig)
		if taken == nil {
			continue
		}
		blocks := time.NewTimer(1)
		select {
		case <-taken:
		case <-blocks.C:
		}
		blocks.Stop()
	}
}

// nextSignal is the one that the courier delivers next; false sends it home.
func (p *process) nextSignal() (os.Signal, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := &p.signals
	if p.over || p.thaw != nil || len(in.arrived) == 0 {
		in.courier = false
		return nil, false
	}
	sig := in.arrived[0]
	in.arrived = in.arrived[1:]
	return sig, true
}

// hand gives sig to whoever listens for it, in a goroutine for each kind, so
// that a busy kind holds up no other. The channel is closed when sig was
// taken; it is nil where there is nothing to wait for.
func (p *process) hand(sig os.Signal) (taken chan struct{}) {
	p.mu.Lock()
	in := &p.signals
	if !in.heard(sig) {
		kills := in.kills(sig)
		p.mu.Unlock()
		if kills {
			p.die(sig)
		}
		return nil
	}
	defer p.mu.Unlock()
	switch in.waiting[sig]++; {
	case in.waiting[sig] > 2 && sig != syscall.SIGTERM && sig != syscall.SIGINT:
		in.waiting[sig]-- // merged with the one that waits
		return nil
	case in.waiting[sig] > 1:
		return nil // its goroutine is at it
	}
	deliver := in.deliver
	taken = make(chan struct{})
	go func() {
		deliver(sig)
		close(taken)
		for p.taken(sig) {
			deliver(sig)
		}
	}()
	return taken
}

// taken notes that deliver has returned, and reports whether another signal of
// the kind waits.
func (p *process) taken(sig os.Signal) (more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := &p.signals
	if in.waiting[sig]--; in.waiting[sig] > 0 {
		return true
	}
	if delete(in.waiting, sig); len(in.waiting) == 0 {
		in.idle.Broadcast()
	}
	return false
}

// Listen is part of forker.Signals.
func (i *image) Listen(sigs []os.Signal, deliver func(os.Signal)) {
	if !i.alive() {
		return
	}
	p := i.process
	p.mu.Lock()
	defer p.mu.Unlock()
	in := &p.signals
	in.deliver, in.listens = deliver, slices.Clone(sigs)
	in.ignored = slices.DeleteFunc(in.ignored, func(sig os.Signal) bool { return slices.Contains(sigs, sig) })
	p.daemonic = true
}

// Quiesce is part of forker.Signals.
func (i *image) Quiesce(ignore ...os.Signal) {
	if !i.alive() {
		return
	}
	p := i.process
	p.mu.Lock()
	before := p.signals
	in := &p.signals
	in.deliver, in.arrived = nil, nil
	in.ignored = append(in.ignored, ignore...)
	p.mu.Unlock()
	for _, sig := range before.arrived {
		switch {
		case before.kills(sig):
			p.die(sig)
		case before.heard(sig):
			before.deliver(sig)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(in.waiting) > 0 {
		in.idle.Wait()
	}
}
