package world

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker/reexec"
	"github.com/evertick/evertick/forker/signals"
)

// Process is one process of the world. It lives through one or more
// generations: each is the program between two execs.
type Process struct {
	time    *worldTime
	record  *timeline.Source
	pid     int
	args    []string
	kind    reexec.Kind // of its first generation
	block   int         // its lanes
	signals *pending
	atEnd   func(killed bool)  // what the machine does when it is no more
	reports chan reexec.Report // for its launcher
	ended   chan struct{}      // closed when its goroutine has returned
	present atomic.Pointer[presence]
	daemon  atomic.Pointer[core.Daemon] // of the latest generation

	mu       sync.Mutex     // held for instants only
	next     *reexec.Origin // of the generation that Exec asked for
	over     bool
	code     int
	killedBy os.Signal
	endedAt  time.Duration
	reported bool
	launched *Process // the daemon that this launcher started
}

// presence tells whether a generation is there. What one does after it has been
// replaced or killed has no effect, as if exec or the kernel had swept it away.
type presence struct {
	over atomic.Bool
	gone chan struct{} // closed when over
}

func (p *presence) end() {
	if !p.over.Swap(true) {
		close(p.gone)
	}
}

func newProcess(t *worldTime, record *timeline.Source, pid int, args []string, kind reexec.Kind, block int) *Process {
	p := &Process{
		time: t, record: record, pid: pid, args: args, kind: kind, block: block,
		ended:   make(chan struct{}),
		reports: make(chan reexec.Report, 1),
		code:    -1,
	}
	p.signals = newPending(t, block, p.die)
	return p
}

// PID returns the process's number.
func (p *Process) PID() int { return p.pid }

// Args returns its command line, without the program's own name.
func (p *Process) Args() []string { return p.args }

// Daemon returns the daemon of its latest generation; nil before the first.
func (p *Process) Daemon() *core.Daemon { return p.daemon.Load() }

// IsDaemon reports whether the process has come as far as to listen for
// signals.
func (p *Process) IsDaemon() bool { return p.signals.everListened() }

// Signal does what kill(2) does. A process that has ended is an
// os.ErrProcessDone.
func (p *Process) Signal(sig os.Signal) error {
	if _, ended := p.end(); ended {
		return os.ErrProcessDone
	}
	if sig == syscall.SIGKILL {
		p.die(sig)
	} else {
		p.signals.send(sig)
	}
	return nil
}

// Killed reports whether a signal has ended the process.
func (p *Process) Killed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killedBy != nil
}

// ExitedWith reports whether the process has ended by itself, with this status.
func (p *Process) ExitedWith(code int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code == code && p.killedBy == nil
}

// How returns how the process has ended, in words.
func (p *Process) How() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killedBy != nil {
		return "killed by " + signals.Name(p.killedBy)
	}
	return fmt.Sprintf("exit status %d", p.code)
}

// end tells when the process has ended; false while it lives.
func (p *Process) end() (at time.Duration, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.endedAt, p.over
}

// child is the daemon that the process has launched; nil for none.
func (p *Process) child() *Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.launched
}

// exit sets the status that the process ends with.
func (p *Process) exit(code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.code = code
	}
}

// finish is what the kernel does when a process has ended by itself.
func (p *Process) finish() { p.leave(nil) }

// die ends the process by a signal. It is no more when die returns.
func (p *Process) die(sig os.Signal) {
	if deliver := p.leave(sig); deliver != nil {
		go deliver(sig) // only to wake the loop: its checkpoint ends it
	}
}

// leave takes the process out of the world, unless it has left already. It
// returns the deliver that was in force, or nil.
func (p *Process) leave(sig os.Signal) (deliver func(os.Signal)) {
	now := p.time.now()
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return nil
	}
	p.over, p.endedAt, p.killedBy = true, now, sig
	if sig != nil {
		p.code = 128
		if s, ok := sig.(syscall.Signal); ok {
			p.code += int(s)
		}
	}
	p.mu.Unlock()
	deliver = p.signals.end()
	p.present.Load().end()
	p.atEnd(sig != nil)
	if p.kind != reexec.Trial {
		p.record.Add(timeline.End, p.How())
	}
	return deliver
}
