package world

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	atEnd   func(killed bool)           // what the machine does when it is no more
	stderr  func(text string)           // what the Go runtime writes at a crash
	reports chan reexec.Report          // for its launcher
	ended   chan struct{}               // closed when its goroutine has returned
	daemon  atomic.Pointer[core.Daemon] // of the latest generation

	present atomic.Pointer[presence] // of its generation; the last one's when it has ended

	mu       sync.Mutex     // held for instants only
	next     *reexec.Origin // of the generation that Exec asked for
	over     bool
	code     int
	killedBy os.Signal
	endedAt  time.Duration
	reported bool
	launched *Process // the daemon that this launcher started, or that follows this one

	watcher   *Watcher // nil: there was none
	unwatched bool     // none is to be started any more
}

// presence is what a generation is to its process. What one does that was
// replaced or killed has no effect, as if exec or the kernel had swept it away.
type presence struct {
	number int    // among those of the process
	dir    string // how it knows Dir: below a link of its own
	locked lockedFiles
	timers timers
	label  string // of its goroutines

	over atomic.Bool   // it has no effect any more
	gone chan struct{} // closed when over
}

// end cuts the generation off from the world.
func (p *presence) end() {
	if !p.over.Swap(true) {
		p.timers.end()
		_ = os.Remove(filepath.Dir(p.dir))
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
	p.signals = newPending(t, block, p.endBy, p.paused)
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
	number, ok := sig.(syscall.Signal)
	switch {
	case !ok || number < 0 || number > maxSignal:
		return syscall.EINVAL
	case number == syscall.SIGKILL:
		p.die(sig)
	case number != 0:
		p.signals.send(number)
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

// hasReported reports whether the process has told its launcher how it is.
func (p *Process) hasReported() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reported
}

// exit sets the status that the process ends with.
func (p *Process) exit(code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.code = code
	}
}

// paused holds the timers of the process's program, or lets them go on.
func (p *Process) paused(stopped bool) {
	switch timers := &p.present.Load().timers; {
	case stopped:
		timers.hold()
	default:
		timers.resume(p.time.exact(), p.time.until(p.block, laneTimers, 0), p.time.quantum)
	}
}

// finish is what the kernel does when a process has ended by itself.
func (p *Process) finish() { p.leave(nil, false) }

// die ends the process by a signal. It is no more when die returns.
func (p *Process) die(sig os.Signal) { p.abort(sig) }

// endBy ends the process as a signal has the effect to.
func (p *Process) endBy(sig syscall.Signal, how effect) {
	switch how {
	case effectExit:
		p.exit(128 + int(sig))
		p.abort(nil)
	case effectCrash:
		p.stderr(stackDump(sig))
		p.exit(crashStatus)
		p.abort(nil)
	default:
		p.die(sig)
	}
}

// abort ends the process at once: killed by a signal, or with the status that is
// set.
func (p *Process) abort(killedBy os.Signal) {
	p.leave(killedBy, true)
}

// leave takes the process out of the world, unless it has left already; at once,
// or because it has run to its end.
func (p *Process) leave(sig os.Signal, atOnce bool) {
	now := p.time.now()
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.over, p.endedAt, p.killedBy = true, now, sig
	if sig != nil {
		p.code = 128
		if s, ok := sig.(syscall.Signal); ok {
			p.code += int(s)
		}
	}
	p.mu.Unlock()
	p.signals.end()
	present := p.present.Load()
	present.locked.end()
	p.atEnd(atOnce)
	if p.kind != reexec.Trial {
		p.record.Add(timeline.End, p.How())
	}
	if w := p.Watcher(); w != nil {
		w.follow()
	}
	present.end() // who waits for the end finds what follows
}

var errUnwatched = errors.New("reexec: start a watcher: the process is not to be watched any more")

// watch returns the watcher of the process, which start starts where there is none.
func (p *Process) watch(state []byte, start func() (*Watcher, error)) (w *Watcher, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over || p.unwatched:
		return nil, errUnwatched
	case p.watcher == nil || !p.watcher.Alive():
		if p.watcher, err = start(); err != nil {
			return nil, err
		}
	}
	p.watcher.mu.Lock()
	defer p.watcher.mu.Unlock()
	p.watcher.state = state
	return p.watcher, nil
}

// unwatch kills the watcher, and lets none be started.
func (p *Process) unwatch() {
	p.mu.Lock()
	p.unwatched = true
	w := p.watcher
	p.mu.Unlock()
	if w != nil {
		_ = w.Signal(syscall.SIGKILL)
	}
}

// Watcher returns the watcher of the process, which may have ended; nil for none.
func (p *Process) Watcher() *Watcher {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watcher
}

// Followed reports whether the process has died, and its watcher has become the one
// that follows.
func (p *Process) Followed() bool {
	child := p.child()
	return child != nil && child.kind == reexec.Respawned && p.Watcher() != nil && child.pid == p.Watcher().pid
}
