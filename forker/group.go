package forker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Group is the children of one program. The zero value is ready to use; set its
// fields before the first Fork. It is safe for concurrent use, and must not be
// copied.
//
// The functions may be called by several goroutines at once, but those about
// one child one after the other: OnFork first, OnReap last. They may block: a
// child whose line is not taken waits.
type Group struct {
	// Max is how many children run at once. Zero means DefaultMax.
	Max int

	// MaxQueue is how many children wait to be started. Zero means
	// DefaultMaxQueue.
	MaxQueue int

	// Full is what Fork does beyond Max.
	Full WhenFull

	// Timeout is how long a child may run. Zero means DefaultTimeout.
	Timeout time.Duration

	// Grace is the time between SIGTERM and SIGKILL. Zero means DefaultGrace;
	// the option [Grace] can set none.
	Grace time.Duration

	// MaxBytes is the largest argument or result, in bytes of JSON. Zero means
	// DefaultMaxBytes.
	MaxBytes int

	// MaxLine is how many bytes of a line that a child prints are handed on at
	// once; a longer one comes in pieces. Zero means DefaultMaxLine.
	MaxLine int

	// MaxEarlyDeaths is how many children of one task, or workers of one pool
	// before they are ready, may die within a minute, each in its first three
	// seconds, without being told to and without an outcome. Beyond that Fork
	// returns ErrEarlyDeaths, and ends those that are queued with it, until a
	// child that is started after a pause lives. The pause grows from a second
	// to five minutes. Zero means DefaultMaxEarlyDeaths.
	MaxEarlyDeaths int

	// Options are for all children: those of a task, a pool and a Fork come after
	// them and count. Functions and workers in this process take of them what
	// needs no process; a worker takes no Timeout, AtMost and IfFull.
	Options []Option

	// Clock is for time-outs. Nil means the real one.
	Clock clockwork.Clock

	// Args is the daemon's command line, for children that run its Setup
	// ([WithSetup]).
	Args []string

	// Processes starts the children. Nil means OS{}.
	Processes Processes

	// OnFork is told of a child that was started. Nil tells nobody, here and
	// below.
	OnFork func(Info)

	// OnLine receives what a child prints to its standard output and error,
	// without the newline.
	OnLine func(Info, string)

	// OnLog receives what a child says by [Child.Logf].
	OnLog func(Info, string)

	// OnAlert receives what a child says by [Child.Alertf].
	OnAlert func(Info, string)

	// OnReap is told of a child that has ended and was reaped, with its error,
	// if any. Its result can be waited for when this has returned.
	OnReap func(Info, error)

	// OnRecycle is told of a worker that is to be replaced as its PoolConfig
	// asks, and why. It has not ended then.
	OnRecycle func(Info, string)

	// Deliver is handed what Call.Then has to call. It must not block. Nil
	// calls it in a goroutine of its own.
	Deliver func(f func())

	// OnEarlyDeaths is told, once, that the children of a task are not started
	// for a while, with an error that is ErrEarlyDeaths; and with nil when one
	// of them lives again.
	OnEarlyDeaths func(task string, err error)

	// OnFailure is told of a child that failed when nobody had called Wait or
	// Done of its handle.
	OnFailure func(Info, error)

	mu       sync.Mutex
	closed   bool
	stopping bool     // by Stop: no child is to be paused
	running  []*child // in the order in which they were started
	adopted  []*child // that nobody has asked for yet
	queue    []*child
	pools    []*livePool
	watches  map[string]*deathWatch // by task
	revived  []string               // tasks whose watch has ended
	changed  chan struct{}          // closed when a child has ended; nil where nobody waits
}

// Forker is what a task is forked by: a Group or what has one, as a daemon.
type Forker interface {
	// Children returns the group that the child belongs to.
	Children() *Group
}

var _ Forker = (*Group)(nil)

// Children returns the group itself.
func (g *Group) Children() *Group { return g }

// State is what a child is doing.
type State int

const (
	// Queued is a child that waits to be started.
	Queued State = iota

	// Running is a child that was started.
	Running

	// Told is a child that got SIGTERM.
	Told

	// Killed is a child that got SIGKILL, and has not been reaped.
	Killed

	// Ended is a child that was reaped, or never started.
	Ended
)

// String returns the state's name in lower case.
func (s State) String() string {
	return [...]string{"queued", "running", "told", "killed", "ended"}[s]
}

// Info is what is known of a child at a moment.
type Info struct {
	// PID is its number; 0 for one that was not started, and for a function
	// that runs in this process.
	PID int

	// Task is the name of what it runs; of the pool, for a worker.
	Task string

	// Worker says that it is a worker, and Doing what it does: "idle", the name
	// of the method that it runs, or another word for people.
	Worker bool
	Doing  string

	// State is what it is doing.
	State State

	// Started is when it was started, by the wall clock; zero for one that was
	// not.
	Started time.Time

	// Age is how long ago that was; how long it lived, once it has ended.
	Age time.Duration

	// Exit is how it ended, once it has.
	Exit Exit
}

// List returns the children that run or wait, the oldest first.
func (g *Group) List() []Info {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Info
	for _, c := range slices.Concat(g.running, g.queue) {
		list = append(list, g.info(c))
	}
	return list
}

// info describes a child; mu is held.
func (g *Group) info(c *child) Info {
	info := Info{PID: c.pid, Task: c.task, State: c.state, Started: c.started, Exit: c.exit}
	if c.worker != nil {
		info.Worker, info.Doing = true, c.worker.doing()
	}
	if !c.started.IsZero() {
		now := c.endedAt
		if now.IsZero() {
			now = g.clock().Now()
		}
		info.Age = now.Sub(c.startedAt)
	}
	return info
}

// infoOf describes a child.
func (g *Group) infoOf(c *child) Info {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.info(c)
}

func (g *Group) clock() clockwork.Clock {
	if g.Clock == nil {
		return clockwork.Real()
	}
	return g.Clock
}

// forever is what a timer counts as NoTimeout: the instant of its end is to be
// one that a clock can name.
const forever = 100 * 365 * 24 * time.Hour

func (g *Group) newTimer(d time.Duration) clockwork.Timer { return g.clock().NewTimer(min(d, forever)) }

func (g *Group) deliver(f func()) {
	if g.Deliver == nil {
		go f()
		return
	}
	g.Deliver(f)
}

func (g *Group) processes() Processes {
	if g.Processes == nil {
		return OS{}
	}
	return g.Processes
}

// check returns what is wrong with the fields.
func (g *Group) check() error {
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"Max", int64(g.Max)},
		{"MaxQueue", int64(g.MaxQueue)},
		{"Timeout", int64(g.Timeout)},
		{"Grace", int64(g.Grace)},
		{"MaxBytes", int64(g.MaxBytes)},
		{"MaxLine", int64(g.MaxLine)},
		{"MaxEarlyDeaths", int64(g.MaxEarlyDeaths)},
	} {
		if field.value < 0 {
			return fmt.Errorf("Group.%s is negative: %d", field.name, field.value)
		}
	}
	if g.MaxBytes > maxMaxBytes {
		return fmt.Errorf("Group.MaxBytes is %d, more than %d", g.MaxBytes, maxMaxBytes)
	}
	var s settings
	for _, o := range g.Options {
		o.apply(&s)
	}
	if s.ofTask() {
		return errors.New("CheckEnvironment, SetUp and TearDown are options of NewTask, not of a Group")
	}
	return nil
}

// Check returns what is wrong with the fields that are limits. Each Fork does so,
// too.
func (g *Group) Check() error {
	_, err := g.settings()
	return err
}

// settings are what options add up to, the later ones last.
func (g *Group) settings(lists ...[]Option) (settings, error) {
	s := settings{
		timeout:  cmp.Or(g.Timeout, DefaultTimeout),
		grace:    cmp.Or(g.Grace, DefaultGrace),
		whenFull: g.Full,
	}
	if err := g.check(); err != nil {
		return s, err
	}
	for _, list := range append([][]Option{g.Options}, lists...) {
		if err := check(list); err != nil {
			return s, err
		}
		for _, o := range list {
			o.apply(&s)
		}
	}
	return s, nil
}

// maxMaxBytes is the largest MaxBytes: a length has four bytes.
const maxMaxBytes = 1<<31 - 1

func (g *Group) maxBytes() int { return cmp.Or(g.MaxBytes, DefaultMaxBytes) }

func (g *Group) maxLine() int { return cmp.Or(g.MaxLine, DefaultMaxLine) }
