package daemontest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/evertick/evertick/core"
	"github.com/evertick/evertick/forker"
	"github.com/evertick/evertick/lock"
	"github.com/evertick/evertick/mail"
)

// NewFunc is how a daemon is declared for Run: a function that hands its extra
// options on to core.New.
type NewFunc func(extra ...core.Option) *core.Daemon

// quantum is the grain of the world's time: daemons see only whole quanta. The
// nanoseconds within one are lanes: each daemon, and each step, wakes in a
// lane of its own, so that what happens at one instant happens in an order
// that the seed alone decides.
const (
	quantum    = time.Microsecond
	laneWidth  = 20 // nanoseconds: sub-lanes of one process or step
	laneBlocks = int(quantum) / laneWidth
)

// The sub-lanes of a process. Those of steps lie behind them all.
const (
	laneSignal  = iota // signals are delivered
	laneLoop           // the loop wakes, images begin
	laneThaw           // those that a stopped process has held up go on
	laneExecute        // an Execute that is not scripted begins
	laneScript         // a scripted one ends
	laneArrival        // what another process has done arrives
	laneMail           // the mail server answers
	laneLock           // the lock store answers
	laneAside          // handlers of signals begin
	laneTimers         // all other timers take turns at the lanes from here on
	laneStep    = laneWidth - 1
)

// World is the machine, or the machines, that a scenario plays on: processes,
// files, locks, mail server. A step's action receives it. Its methods are for
// actions and checks; they must not be called from a daemon.
type World struct {
	declare  NewFunc
	scenario *Scenario
	start    time.Time // of the bubble
	lanes    []int     // block numbers, permuted by the seed
	lined    bool      // iterations begin in a lane of their own
	locks    *lock.Memory
	trace    *trace
	stop     chan struct{} // closed when the scenario is cut

	wallStep atomic.Int64  // nanoseconds
	left     atomic.Bool   // the scenario hangs and was left behind: nothing counts any more
	bubble   string        // as stacks name it
	over     atomic.Int64  // when the scenario was over, or 0
	stepped  chan struct{} // a step has been done

	mu        sync.Mutex // held for instants only
	processes []*process
	files     map[string]*memFile
	denied    map[string]error
	diskFull  bool
	mails     []mail.Message
	mailDown  error
	mailTakes time.Duration
	lockTakes time.Duration
	toCome    int // steps that are certain to come
	binary    binary
	claims    map[string]*claim
	answers   map[string]*answer
	notified  []string
	stdout    bytes.Buffer
	stderr    bytes.Buffer
	triggers  []*trigger
	kept      []string // locks that a process still held when it exited
	resident  uint64
}

func newWorld(declare NewFunc, s *Scenario, seed uint64) *World {
	w := &World{
		declare:  declare,
		scenario: s,
		lined:    s.Execute.lined(),
		start:    time.Now(),
		lanes:    rand.New(rand.NewPCG(seed, 0x5eed)).Perm(laneBlocks),
		stop:     make(chan struct{}),
		stepped:  make(chan struct{}, 1),
		bubble:   bubbleName(),
		files:    map[string]*memFile{},
		denied:   map[string]error{},
		claims:   map[string]*claim{},
		answers:  map[string]*answer{},
		resident: 8 << 20,
	}
	w.trace = &trace{world: w}
	w.locks = lock.NewMemory(worldClock{w: w})
	for name, content := range s.Files {
		w.files[w.clean(name)] = &memFile{data: []byte(content)}
	}
	return w
}

// Dir is the folder in which every command of a scenario is typed; relative
// paths mean it.
const Dir = "/world"

func (w *World) clean(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(Dir, name)
	}
	return path.Clean(name)
}

// now is the time since the scenario's start, in whole quanta.
func (w *World) now() time.Duration {
	if over := w.over.Load(); over != 0 {
		return time.Duration(over)
	}
	return time.Since(w.start).Truncate(quantum)
}

func lane(block, sub int) time.Duration { return time.Duration(block*laneWidth + sub) }

// until is how long it is until a lane comes, d from now; never no time at all.
func (w *World) until(block, sub int, d time.Duration) time.Duration {
	since := time.Since(w.start)
	at := (since.Truncate(quantum) + d).Truncate(quantum) + lane(block, sub)
	if at <= since {
		at += quantum
	}
	return at - since
}

// cross waits for the next time that a lane comes. Whoever was woken by
// somebody else does so first, so that the two do not act at one instant.
func (w *World) cross(block, sub int) { time.Sleep(w.until(block, sub, 0)) }

// lineUp waits for a lane of the present quantum, if it has not passed yet.
func (w *World) lineUp(block, sub int) {
	since := time.Since(w.start)
	time.Sleep(since.Truncate(quantum) + lane(block, sub) - since)
}

// Now is the time since the scenario's start; that of its end when it is over.
func (w *World) Now() time.Duration { return w.now() }

// Locks is the store of all locks, for outages, evictions and questions.
func (w *World) Locks() *lock.Memory { return w.locks }

// Mails are the mails that the mail server has taken so far.
func (w *World) Mails() []mail.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]mail.Message(nil), w.mails...)
}

// File is the content of a file; ok is false if there is none.
func (w *World) File(name string) (content string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.files[w.clean(name)]
	if !ok {
		return "", false
	}
	return string(f.data), true
}

// Stdout is what all processes have written to standard output so far.
func (w *World) Stdout() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stdout.String()
}

// Stderr is what all processes have written to standard error so far.
func (w *World) Stderr() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stderr.String()
}

// spawn starts a process. It wakes in its own lane.
func (w *World) spawn(args []string, birth forker.Birth) *process {
	p := w.process(args, birth)
	go p.live()
	return p
}

// process makes one that does not run yet.
func (w *World) process(args []string, birth forker.Birth) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &process{
		world: w,
		pid:   firstPID + len(w.processes),
		args:  args,
		kind:  birth.Kind,
		block: w.lanes[len(w.processes)%len(w.lanes)],
		dead:  make(chan struct{}),
		ended: make(chan struct{}),
		told:  make(chan forker.Report, 1),
		code:  -1,
	}
	p.signals.waiting = map[os.Signal]int{}
	p.signals.idle = sync.NewCond(&p.mu)
	p.image.Store(newImage(p, birth))
	w.processes = append(w.processes, p)
	return p
}

const firstPID = 100

// main is the process that the scenario is about: the one that its command
// line started, or the daemon that this one launched. When that has ended, it
// is the next daemon that lives on, or lived longer: one that stood by, or was
// started later.
func (w *World) main() *process {
	all := w.all()
	p := all[0]
	for next := p.child(); next != nil; next = p.child() {
		p = next
	}
	for _, later := range all {
		at, ended := p.end()
		if !ended {
			break
		}
		if until, gone := later.end(); later.pid > p.pid && later.isDaemon() && (!gone || until > at) {
			p = later
		}
	}
	return p
}

func (w *World) all() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*process(nil), w.processes...)
}

// PID is the process number of the scenario's daemon: of the one that Signal
// signals.
func (w *World) PID() int { return w.main().pid }

// Fail makes the scenario fail with a message of an action's own.
func (w *World) Fail(format string, args ...any) { w.trace.fail(fmt.Sprintf(format, args...)) }

// sysError is an error as a system call would return it.
func sysError(op, path string, err error) error { return &os.PathError{Op: op, Path: path, Err: err} }
