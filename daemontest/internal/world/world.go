package world

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/network"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/forker/reexec"
)

// FirstPID is the number of the world's first process. Numbers are unique over
// all machines.
const FirstPID = 100

// Config is what a world is made of.
type Config struct {
	// Declare builds the daemon, once for each generation.
	Declare func(extra ...core.Option) *core.Daemon

	// Extend, where set, returns what the scenario adds to a generation's
	// declaration; it may change the hooks of the generation's host.
	Extend func(g *Generation, hooks *host.Hooks) []core.Option

	// Args is the command line of the first process.
	Args []string

	// Steps, where set, returns what happens beside the daemon.
	Steps func(w *World) []Step

	// Prepare, where set, is called before anything happens.
	Prepare func(w *World)

	// Judge, where set, is called when the scenario is over, outside of the
	// bubble, before what was killed or replaced is let go: its deferred
	// functions have not run.
	Judge func(w *World)

	// OwnExecute says that some iterations are not scripted: they begin in a
	// lane of their own.
	OwnExecute bool

	// Env are the variables of the daemons' environment.
	Env map[string]string

	// Child, where set, returns what the n-th child of a task does, counted from
	// 1 over all processes. It is called when that is forked.
	Child func(w *World, task string, n int) ChildPlan

	// Supervised lets daemons find a supervisor.
	Supervised bool

	// SupervisorWatchdog is within which time it wants a sign of progress.
	SupervisorWatchdog time.Duration

	// WallStart is the wall-clock time at which the scenario starts.
	WallStart time.Time

	// Limit ends a scenario after this much of the world's time.
	Limit time.Duration

	// Watchdog is the real time without progress after which a scenario counts
	// as hung. Zero or less means never.
	Watchdog time.Duration

	// Actors is how many processes and steps there may be; from the fiftieth on
	// they share lanes where it is 0.
	Actors int

	// Seed chooses the order of what happens at one instant.
	Seed uint64
}

// World is the machines that a scenario plays on, what they share, and the
// processes that run on them. It is safe for concurrent use.
type World struct {
	config Config
	time   *worldTime
	edges  *timeline.Edges // of core's table

	Timeline *timeline.Timeline
	Machine  *Machine // of the scenario's command line
	Mail     *MailServer
	Locks    *LockStore
	Network  *network.Network // nil for none

	steps atomic.Pointer[steps]
	cut   atomic.Bool // it did not end by itself

	closing atomic.Bool // what dies from now on is followed by nothing

	mu          sync.Mutex // held for instants only
	processes   []*Process
	generations []*Generation
	children    []*Child
	forks       map[string]int   // by task
	byPID       map[int]*Process // children apart
	lastPID     int
	watchers    []*Watcher // all that were started
	notes       []string
	refused     map[string]bool // addresses of real sockets
}

// newWorld returns a world whose files are in base: see temporary.
func newWorld(c Config, base string) *World {
	t := newTime(c.Seed, c.Actors)
	m := newMachine("testhost", base, t, c.WallStart, c.Supervised)
	m.Supervisor.watchdog = c.SupervisorWatchdog
	w := &World{
		config:   c,
		time:     t,
		edges:    timeline.NewEdges(len(core.Lifecycle())),
		Timeline: timeline.New(t.now),
		Machine:  m,
		Mail:     &MailServer{},
		byPID:    map[int]*Process{},
		lastPID:  FirstPID - 1,
	}
	w.Timeline.Plain = m.Files.Plain
	w.Locks = newLockStore(m.Files, newClock(t, &m.Wall, nil), w)
	return w
}

// Remove deletes the world's files.
func (w *World) Remove() { w.Machine.Files.remove() }

// Alive reports whether there is a process of that number.
func (w *World) Alive(pid int) bool {
	p := w.process(pid)
	return p != nil && p.Alive()
}

// startOf tells a process from all others; numbers are not used again.
func (w *World) startOf(pid int) (string, error) {
	if !w.Alive(pid) && w.watcher(pid) == nil {
		return "", os.ErrProcessDone
	}
	return fmt.Sprintf("process %d", pid-FirstPID+1), nil
}

// watcher returns the watcher of that number, while it watches; else nil.
func (w *World) watcher(pid int) *Watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, watcher := range w.watchers {
		if watcher.pid == pid && watcher.Alive() {
			return watcher
		}
	}
	return nil
}

// process returns the process of that number, which may have ended; nil for none.
func (w *World) process(pid int) *Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byPID[pid]
}

// nextPID returns a number that no process has had; the mutex is held.
func (w *World) nextPID() int {
	w.lastPID++
	return w.lastPID
}

// Now returns the time since the scenario's start; that of its end when it is
// over.
func (w *World) Now() time.Duration { return w.time.now() }

// Fail makes the scenario fail.
func (w *World) Fail(format string, args ...any) { w.Timeline.Fail(fmt.Sprintf(format, args...)) }

// note keeps what should be told of the play although it is no failure.
func (w *World) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, text)
}

// Notes returns what should be told of the play although it is no failure. It
// depends on real time, and is not the same in each play.
func (w *World) Notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.notes)
}

// Taken returns the edges of the lifecycle that daemons took, each once, in the
// table's order.
func (w *World) Taken() []core.Transition {
	var taken []core.Transition
	for i, t := range core.Lifecycle() {
		if w.edges.Taken(i) > 0 {
			taken = append(taken, t)
		}
	}
	return taken
}

// Processes returns all processes that were ever started, in order.
func (w *World) Processes() []*Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Process(nil), w.processes...)
}

// Cut reports whether the scenario did not end by itself: what then killed its
// processes is the world.
func (w *World) Cut() bool { return w.cut.Load() || w.Timeline.Spins() }

// Unfired returns the places of the steps that have not happened, counted from 0
// in their written order.
func (w *World) Unfired() []int {
	if s := w.steps.Load(); s != nil {
		return s.unfired()
	}
	return nil
}

// Main returns the process that the scenario is about: the one that its command
// line started or, where that has launched another one, that daemon.
func (w *World) Main() *Process { return w.Processes()[0].Daemonized() }

// Commands returns the processes whose command lines were typed: the first one,
// and those that the scenario's steps started. Launched daemons and trials are
// not among them.
func (w *World) Commands() []*Process {
	return slices.DeleteFunc(w.Processes(), func(p *Process) bool { return p.kind != reexec.Fresh })
}

// AnyAlive reports whether a process is left.
func (w *World) AnyAlive() bool {
	return slices.ContainsFunc(w.Processes(), (*Process).Alive)
}

// Alive reports whether the process has not ended.
func (p *Process) Alive() bool {
	_, ended := p.end()
	return !ended
}

// EndedAt returns when the process has ended, since the scenario's start; 0
// while it lives.
func (p *Process) EndedAt() time.Duration {
	at, _ := p.end()
	return at
}

// Code returns the status that the process has ended with, as a shell tells it.
func (p *Process) Code() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// Daemonized returns the daemon that the process has launched, or itself where
// it has launched none.
func (p *Process) Daemonized() *Process {
	for child := p.child(); child != nil; child = p.child() {
		p = child
	}
	return p
}

// IsTrial reports whether the process only tries a program.
func (p *Process) IsTrial() bool { return p.kind == reexec.Trial }
