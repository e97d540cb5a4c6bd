package world

import (
	"fmt"
	"sync"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/core/host"
	"github.com/evertick/evertick/daemontest/internal/timeline"
	"github.com/evertick/evertick/lock"
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

	// OwnExecute says that some iterations are not scripted: they begin in a
	// lane of their own.
	OwnExecute bool

	// Supervised lets daemons find a supervisor.
	Supervised bool

	// WallStart is the wall-clock time at which the scenario starts.
	WallStart time.Time

	// Limit ends a scenario after this much of the world's time.
	Limit time.Duration

	// Watchdog is the real time without progress after which a scenario counts
	// as hung. Zero or less means never.
	Watchdog time.Duration

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

	mu        sync.Mutex // held for instants only
	processes []*Process
}

func newWorld(c Config) *World {
	t := newTime(c.Seed)
	w := &World{
		config:   c,
		time:     t,
		edges:    timeline.NewEdges(len(core.Lifecycle())),
		Timeline: timeline.New(t.now),
		Machine:  newMachine("testhost", c.WallStart, c.Supervised),
		Mail:     &MailServer{},
	}
	w.Locks = &LockStore{Memory: lock.NewMemory(newClock(t, &w.Machine.Wall, nil))}
	return w
}

// Now returns the time since the scenario's start; that of its end when it is
// over.
func (w *World) Now() time.Duration { return w.time.now() }

// Fail makes the scenario fail.
func (w *World) Fail(format string, args ...any) { w.Timeline.Fail(fmt.Sprintf(format, args...)) }

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

// Main returns the process that the scenario is about: the one that its command
// line started, or the daemon that this one launched. When that has ended, it
// is the next daemon that lives on, or lived longer: one that stood by, or was
// started later.
func (w *World) Main() *Process {
	all := w.Processes()
	p := all[0]
	for next := p.child(); next != nil; next = p.child() {
		p = next
	}
	for _, later := range all {
		at, ended := p.end()
		if !ended {
			break
		}
		if until, gone := later.end(); later.pid > p.pid && later.IsDaemon() && (!gone || until > at) {
			p = later
		}
	}
	return p
}
