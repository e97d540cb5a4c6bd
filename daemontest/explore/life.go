package explore

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/evertick/evertick/clockwork"
)

// Life is a daemon, what its functions do, and what happens to it: plain data,
// so that it can be drawn at random, shrunk, printed as Go source and replayed.
// The zero value of a field means the daemon's default, or nothing.
type Life struct {
	// Seed chooses the order of what happens at one instant.
	Seed uint64 `json:",omitzero"`

	// How the daemon is started.
	Detached   bool `json:",omitzero"` // -d
	PIDFile    bool `json:",omitzero"` // -p
	Supervised bool `json:",omitzero"`
	Unwatched  bool `json:",omitzero"` // although it is detached

	// Its options.
	Interval         time.Duration          `json:",omitzero"`
	Missed           clockwork.MissedPolicy `json:",omitzero"`
	IterationTimeout time.Duration          `json:",omitzero"`
	ShutdownTimeout  time.Duration          `json:",omitzero"`
	MaxFailures      int                    `json:",omitzero"`
	MaxRestarts      int                    `json:",omitzero"` // in a minute
	Lock             LockKind               `json:",omitzero"`
	TTL              time.Duration          `json:",omitzero"`
	Standby          bool                   `json:",omitzero"`

	// Execute is what an iteration takes; Iterations are the exceptions.
	Execute    time.Duration `json:",omitzero"`
	Iterations []Iteration   `json:",omitzero"`

	// Functions are what the daemon's other functions do beyond nothing.
	Functions []Function `json:",omitzero"`

	// Forks are the children that it forks; the others are their limits.
	Forks         []Fork        `json:",omitzero"`
	MaxChildren   int           `json:",omitzero"`
	QueueChildren bool          `json:",omitzero"` // those beyond are queued
	ChildTimeout  time.Duration `json:",omitzero"`

	// Steps are what happens beside the daemon. When the last of them is over,
	// all faults are mended; some time after that the daemon is stopped.
	Steps []Step `json:",omitzero"`
}

// LockKind is the lock that the daemon has.
type LockKind string

// The kinds of locks.
const (
	NoLock LockKind = ""
	File   LockKind = "file"   // held until its holder dies
	Leased LockKind = "leased" // expires after TTL
)

// Fork is children that a daemon forks.
type Fork struct {
	At   Place         // PreExecute, Setup, Teardown or OnRestart
	N    int64         `json:",omitzero"` // of PreExecute: only in this iteration
	Many int           // how many
	Does Deed          // what each of them does
	For  time.Duration `json:",omitzero"` // Takes, Sleeps
	As   ChildKind     `json:",omitzero"`
}

// ChildKind is what is forked.
type ChildKind string

// The kinds of children.
const (
	Plain     ChildKind = ""
	Outliving ChildKind = "outlives" // a restart
	Called    ChildKind = "called"   // calls of a pool's workers, in place of children
)

// Deed is what a function does.
type Deed string

// Takes ends early with the context; Sleeps does not. Waits waits for the end of
// the context. Hangs never returns.
const (
	Takes    Deed = "takes"
	Sleeps   Deed = "sleeps"
	Waits    Deed = "waits"
	Fails    Deed = "fails"
	Panics   Deed = "panics"
	Fatals   Deed = "fatals" // calls d.Fatalf
	Goexits  Deed = "goexits"
	Hangs    Deed = "hangs"
	Stops    Deed = "stops"    // calls d.Stop
	Restarts Deed = "restarts" // calls d.Restart
	Crashes  Deed = "crashes"  // of a child: SIGSEGV
)

// Iteration is what one iteration does.
type Iteration struct {
	N    int64
	Does Deed
	For  time.Duration `json:",omitzero"` // Takes, Sleeps
}

// Function is what a function of the daemon's own does, besides Execute.
type Function struct {
	At   Place
	Call int64 `json:",omitzero"` // only this one, over all programs; 0: each
	Does Deed
	For  time.Duration `json:",omitzero"`
}

// Place is where a function is called.
type Place string

// The places. The last six are hooks.
const (
	Check       Place = "check"
	WarmUp      Place = "warm-up"
	Setup       Place = "setup"
	Teardown    Place = "teardown"
	Init        Place = "init"
	PreExecute  Place = "pre-execute"
	PostExecute Place = "post-execute"
	Idle        Place = "idle"
	OnSignal    Place = "signal"
	OnRestart   Place = "restart"
)

// Step is something that happens at a time since the start.
type Step struct {
	At   time.Duration
	Does Action
	For  time.Duration `json:",omitzero"` // LockSlow, LockClock, MailSlow, Suspended, WallClock
	Any  bool          `json:",omitzero"` // among the steps of one instant, the seed decides
}

// Action is what happens in a step.
type Action string

// The actions.
const (
	Term         Action = "SIGTERM"
	Int          Action = "SIGINT"
	Hup          Action = "SIGHUP"
	Usr1         Action = "SIGUSR1"
	Cont         Action = "SIGCONT"
	Halt         Action = "SIGSTOP"
	Kill         Action = "SIGKILL"
	Crash        Action = "SIGQUIT"
	SendStop     Action = "-s stop"
	SendRestart  Action = "-s restart"
	SendDump     Action = "-s dump"
	RunSecond    Action = "run a second instance"
	LockOutage   Action = "lock outage"
	LockBack     Action = "lock outage ends"
	LockSlow     Action = "lock slow"
	LockFreed    Action = "lock freed"
	LockStolen   Action = "lock stolen"
	LockLost     Action = "lock answers lost"
	LockAnswers  Action = "lock answers again"
	LockPaused   Action = "lock store paused"
	LockResumed  Action = "lock store goes on"
	LockBlind    Action = "lock unwatched"
	LockWatched  Action = "lock watched again"
	LockClock    Action = "lock store's clock"
	Suspended    Action = "suspended"
	DiskFull     Action = "disk full"
	DiskFree     Action = "disk free"
	MailDown     Action = "mail down"
	MailBack     Action = "mail back"
	MailSlow     Action = "mail slow"
	BinaryBroken Action = "binary broken"
	BinaryHangs  Action = "binary hangs"
	BinaryLost   Action = "binary lost"
	BinaryBack   Action = "binary back"
	NoPIDFile    Action = "rm the PID file"
	NoLogFile    Action = "rm the log"
	WallClock    Action = "wall clock"
	KillChildren Action = "SIGKILL to all children"
	KillWatcher  Action = "SIGKILL to the watcher"
	HaltWatcher  Action = "SIGSTOP to the watcher"
	ContWatcher  Action = "SIGCONT to the watcher"
	NoWatchers   Action = "watchers refused"
	WatchersBack Action = "watchers again"
)

// name returns the step in words.
func (s Step) name() string {
	if s.For != 0 {
		return fmt.Sprintf("%s %s", s.Does, s.For)
	}
	return string(s.Does)
}

// String returns the life as one line of JSON, which Replay reads.
func (l Life) String() string {
	text, err := json.Marshal(l)
	if err != nil {
		return err.Error() // no field can cause it
	}
	return string(text)
}

// Parse reads what String returns.
func Parse(text string) (l Life, err error) {
	err = json.Unmarshal([]byte(text), &l)
	return l, err
}

// calm returns when the last fault is mended.
func (l *Life) calm() time.Duration {
	var last time.Duration
	for _, s := range l.Steps {
		last = max(last, s.At)
	}
	return last + time.Second
}

// The bounds of core that a life is judged by.
const (
	grace          = time.Second     // of what was told to end by its context
	releaseTimeout = 2 * time.Second // of giving a lock back, and of waiting for its renewals
	trialTimeout   = 15 * time.Second
	maxBackoff     = 4400 * time.Millisecond // as declared, and a tenth more
)

func (l *Life) shutdownTimeout() time.Duration {
	if l.ShutdownTimeout == 0 {
		return 10 * time.Second
	}
	return l.ShutdownTimeout
}

// stopBound is how long a stop may take: draining, teardown, and giving the
// lock back.
func (l *Life) stopBound() time.Duration {
	return 2*(l.shutdownTimeout()+grace) + 3*releaseTimeout
}

// recovery is how long it may take to execute again after the last fault.
func (l *Life) recovery() time.Duration {
	bound := 2*l.stopBound() + 2*trialTimeout + 2*maxBackoff + 2*l.TTL + l.IterationTimeout + 2*l.Interval + 5*time.Second
	for _, i := range l.Iterations {
		bound += i.For
	}
	for _, s := range l.Steps {
		if s.Does == LockClock && s.For < 0 { // leases live on for longer
			bound -= s.For
		}
	}
	for _, f := range l.Functions {
		bound += 2 * f.For
	}
	return bound
}

// mayHang reports whether a function may hang that has no time-out: an
// iteration without one, or what comes before the loop.
func (l *Life) mayHang() bool {
	for _, i := range l.Iterations {
		if (i.Does == Hangs || i.Does == Waits) && l.IterationTimeout == 0 {
			return true
		}
	}
	for _, f := range l.Functions {
		if f.Does != Hangs && f.Does != Waits {
			continue
		}
		switch f.At {
		case Check, WarmUp, Setup, Init:
			return true
		case PreExecute, PostExecute, Idle:
			if l.IterationTimeout == 0 {
				return true
			}
		default:
		}
	}
	return false
}

// watched reports whether the daemon is to have a watcher.
func (l *Life) watched() bool { return l.Detached && !l.Supervised && !l.Unwatched }

// end returns when the daemon is stopped.
func (l *Life) end() time.Duration { return l.calm() + l.recovery() + time.Second }

// does reports whether one of the life's steps does one of these.
func (l *Life) does(actions ...Action) bool {
	return slices.ContainsFunc(l.Steps, func(s Step) bool { return slices.Contains(actions, s.Does) })
}
