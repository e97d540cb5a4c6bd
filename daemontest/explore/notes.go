package explore

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evertick/evertick/daemontest/internal/world"
	"github.com/evertick/evertick/forker"
)

// watcher notes what the daemons of a life do, and finds at once what must
// never be.
type watcher struct {
	life *Life
	sim  *world.World

	mu         sync.Mutex // held for instants only
	processes  []*process
	tampered   int // how often the lock was freed or stolen
	violations []string
	cells      Cells
	lastBegun  time.Duration // of any iteration
	unguarded  time.Duration // when something was done to a watcher, or none could be started, last
	refused    bool          // no watcher can be started
	reaps      map[int]int   // how often a child was reaped, by PID
	handles    []handle
	calls      []*submitted
}

// handle is one of a child of a daemon.
type handle struct {
	daemon   int
	program  *world.Generation
	outlives bool
	child    *forker.Handle[int]
}

// submitted is one of the calls of a daemon.
type submitted struct {
	daemon  int
	program *world.Generation
	call    *forker.Call[int]
	number  int64
	told    int // how often its end was
}

// process is what is known of one process.
type process struct {
	pid      int
	programs []*program
	handled  bool          // an event: it is a daemon
	ready    time.Duration // for the first time; 0: not yet
	state    string
	stopped  bool // by SIGSTOP
	guarded  bool // by a watcher, when it was killed
	resumed  time.Duration
	signals  []signalled
	restarts []time.Duration // when one was asked for
	inARow   int             // failures of Execute; -1: not known
	logs     []logged
	alerts   int
	exited   bool // by itself, with code
	code     int
	ticks    ticks
}

// logged is a line of the log.
type logged struct {
	at   time.Duration
	text string
}

// signalled is a signal that a step sent.
type signalled struct {
	at      time.Duration
	what    Action
	stopped bool // the process was
}

// program is what is known of one program of a process.
type program struct {
	*world.Generation
	started time.Duration
	running int           // calls of Execute that have not returned
	busy    time.Duration // when the iteration began that has not returned; -1: none
	owned   int           // watcher.tampered when it was last seen to hold the lock; -1: never
	lost    time.Duration // when the lock was tampered with after that
	setUps  [2]int
	torn    [2]int
}

// ticks is the account of a process's ticks.
type ticks struct {
	begun  int64 // iterations
	onTime int64 // of them, those that began at a tick's very instant
	known  bool  // the grid
	first  time.Duration
}

func newWatcher(l *Life) *watcher { return &watcher{life: l, cells: Cells{}} }

// violated notes that something must not be. The mutex is held.
func (w *watcher) violated(pid int, format string, args ...any) {
	if len(w.violations) < 10 {
		w.violations = append(w.violations, fmt.Sprintf("at %s, PID %d: %s", w.sim.Now().Round(time.Millisecond), pid, fmt.Sprintf(format, args...)))
	}
}

func (w *watcher) process(pid int) *process {
	for _, p := range w.processes {
		if p.pid == pid {
			return p
		}
	}
	p := &process{pid: pid, resumed: -time.Hour}
	w.processes = append(w.processes, p)
	return p
}

// died reports whether a signal has ended the process, or a crash.
func (w *watcher) died(sim *world.Process) bool {
	return sim.Killed() || !w.process(sim.PID()).exited && w.life.does(Crash) && sim.ExitedWith(2)
}

// says reports whether the process has logged one of the texts.
func (p *process) says(texts ...string) bool { return p.saysFrom(0, texts...) }

func (p *process) saysFrom(from time.Duration, texts ...string) bool {
	return slices.ContainsFunc(p.logs, func(l logged) bool {
		return l.at >= from && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(l.text, text) })
	})
}

func (w *watcher) says(text string) bool {
	return slices.ContainsFunc(w.processes, func(p *process) bool { return p.says(text) })
}

// holder returns the process that holds the lock; 0 for none of ours.
func (w *watcher) holder() int {
	if who, held := w.sim.Locks.Holder(w.life.lockURL()); held && who.Host == w.sim.Machine.Name {
		return who.PID
	}
	return 0
}
