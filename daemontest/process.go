package daemontest

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
)

// hostName is the machine that all processes of a world run on.
const hostName = "testhost"

// process is one process of the world: it lives through one or more images,
// each of them the daemon built anew.
type process struct {
	world *World
	pid   int
	args  []string
	block int                // its lanes
	kind  forker.Kind        // of its first image
	dead  chan struct{}      // closed when it is killed or has ended
	ended chan struct{}      // closed when its goroutine is through
	told  chan forker.Report // what it has reported, for its launcher

	image   atomic.Pointer[image]
	daemon  atomic.Pointer[core.Daemon] // the latest
	stopped atomic.Bool                 // thaw is not nil
	shaken  atomic.Int64                // when signals came last, plus one; 0: long ago

	mu       sync.Mutex // held for instants only
	next     *image     // the one that Exec asked for
	signals  inbox
	thaw     chan struct{} // not nil while the process is stopped
	frozen   int           // how many of its goroutines wait for that
	over     bool          // dead is closed
	code     int
	killedBy os.Signal
	endedAt  time.Duration
	reported bool
	daemonic bool     // it has listened for signals: it is no launcher or sender
	launched *process // the daemon that this launcher started
	open     opened   // of the trace
}

// live plays the process from its first image to its end.
func (p *process) live() {
	returned := false
	defer close(p.ended)
	defer p.finish()
	defer func() {
		if v := recover(); v != nil {
			p.world.trace.fail(fmt.Sprintf("PID %d: panic outside of the daemon's own functions: %v\n%s", p.pid, v, debug.Stack()))
		} else if !returned {
			p.world.trace.fail(fmt.Sprintf("PID %d: runtime.Goexit was called outside of the daemon's own functions: by t.FailNow, t.Fatal or a require in the function that declares it?", p.pid))
		}
	}()
	p.world.cross(p.block, laneLoop)
	for i := p.image.Load(); i != nil && i.alive(); i = p.succeed() {
		i.daemon = p.world.declare(i.options()...)
		p.daemon.Store(i.daemon)
		i.daemon.Main()
	}
	returned = true
}

// execTakes is how long it takes until the next image begins. Signals that come
// meanwhile find nobody who listens.
const execTakes = 100 * time.Microsecond

// succeed puts the next image in the present one's place, if there is to be
// one.
func (p *process) succeed() *image {
	p.mu.Lock()
	next := p.next
	p.next = nil
	if next != nil && !p.over {
		p.image.Store(next)
	}
	p.mu.Unlock()
	if next != nil {
		time.Sleep(p.world.until(p.block, laneLoop, execTakes))
	}
	return next
}

// finish is what the kernel does when a process has ended by itself.
func (p *process) finish() {
	if p.leave(nil) && p.kind != forker.Trial {
		p.world.trace.add(entry{kind: entryEnd, p: p, n: int64(p.code), text: p.how()})
	}
}

// die ends the process by a signal. It is no more when die returns: what its
// goroutines still do has no effect.
func (p *process) die(sig os.Signal) {
	if !p.leave(sig) {
		return
	}
	if p.kind != forker.Trial {
		p.world.trace.add(entry{kind: entryEnd, p: p, n: int64(p.code), text: p.how()})
	}
	p.mu.Lock()
	deliver := p.signals.deliver
	p.mu.Unlock()
	if deliver != nil {
		go deliver(sig) // only to wake the loop: its checkpoint ends it
	}
}

// leave takes the process out of the world; false if it has left already.
func (p *process) leave(sig os.Signal) bool {
	now := p.world.now()
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return false
	}
	p.over, p.endedAt, p.killedBy = true, now, sig
	if sig != nil {
		p.code = 128
		if s, ok := sig.(syscall.Signal); ok {
			p.code += int(s)
		}
	}
	if p.next != nil {
		p.next.end()
	}
	p.mu.Unlock()
	p.image.Load().end()
	close(p.dead)
	if sig == nil {
		p.world.keep(p.world.locks.Held(hostName, p.pid))
	}
	p.world.locks.Kill(hostName, p.pid)
	p.world.endClaims(p)
	return true
}

func (p *process) how() string {
	if p.killedBy != nil {
		return "killed by " + forker.SignalName(p.killedBy)
	}
	return fmt.Sprintf("exit status %d", p.code)
}

// end tells when the process has ended; false while it lives.
func (p *process) end() (at time.Duration, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.endedAt, p.over
}

// isDaemon reports whether the process has come as far as to listen for
// signals, which launchers, trials and those that only send a signal do not.
func (p *process) isDaemon() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.daemonic
}

// child is the daemon that the process has launched; nil for none.
func (p *process) child() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.launched
}
