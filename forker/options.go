package forker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Defaults.
const (
	// DefaultMax is how many children a group runs at once.
	DefaultMax = 64

	// DefaultMaxQueue is how many children of a group wait to be started.
	DefaultMaxQueue = 1024

	// DefaultTimeout is how long a child may run.
	DefaultTimeout = 10 * time.Minute

	// DefaultGrace is the time between SIGTERM and SIGKILL.
	DefaultGrace = 5 * time.Second

	// DefaultMaxBytes is the largest argument or result.
	DefaultMaxBytes = 64 << 20

	// DefaultMaxLine is the longest line that a child prints.
	DefaultMaxLine = 16 << 10

	// NoTimeout lets a child run for ever.
	NoTimeout time.Duration = math.MaxInt64
)

// WhenFull is what Fork does when as many children run as are allowed.
type WhenFull int

const (
	// Refuse returns ErrFull at once.
	Refuse WhenFull = iota

	// Queue returns a handle at once. The child is started when its turn
	// comes; a full queue is ErrFull.
	Queue

	// Wait blocks until the child is started, in turn with those that are
	// queued.
	Wait
)

// Option changes how a task's children run: for all of them in [NewTask], for
// one in Fork, which comes last.
type Option struct {
	apply func(*settings)
	bad   string // what is wrong with its value
}

// settings are what the options of a child set.
type settings struct {
	timeout  time.Duration
	grace    time.Duration
	whenFull WhenFull
	atMost   int // 0 means no limit for the task alone
	nice     int
	memory   int64
	dir      string
	env      []string
	daemon   bool // its Setup runs first
	outlives bool // a restart

	// The task's own, in the child.
	environment, setup, teardown func(ctx context.Context, c *Child) error
}

// needsProcess reports whether they mean nothing to a goroutine.
func (s *settings) needsProcess() bool {
	return s.nice != 0 || s.memory != 0 || s.dir != "" || len(s.env) > 0 || s.daemon || s.outlives || s.ofTask()
}

func option(bad string, apply func(*settings)) Option { return Option{apply, bad} }

// unless returns what is wrong with an option, unless it is right.
func unless(right bool, format string, args ...any) string {
	if right {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// Timeout bounds how long the child may run, from its start to its result. At
// the end of it the child's group gets SIGTERM, and SIGKILL after the grace.
// The default is the group's; it must be positive; see [NoTimeout].
func Timeout(d time.Duration) Option {
	return option(unless(d > 0, "Timeout(%v) is not positive", d), func(s *settings) { s.timeout = d })
}

// Grace is how long a child may live on after SIGTERM before SIGKILL goes to
// its process group. Zero kills at once. The default is the group's.
func Grace(d time.Duration) Option {
	return option(unless(d >= 0, "Grace(%v) is negative", d), func(s *settings) { s.grace = d })
}

// IfFull sets what Fork does when as many children run as are allowed. The
// default is the group's.
func IfFull(w WhenFull) Option {
	return option(unless(w >= Refuse && w <= Wait, "IfFull(%d) is unknown", w), func(s *settings) { s.whenFull = w })
}

// AtMost bounds how many children of this task run at once, within the group's
// own limit. Zero means no limit but the group's.
func AtMost(n int) Option {
	return option(unless(n >= 0, "AtMost(%d) is negative", n), func(s *settings) { s.atMost = n })
}

// Nice is added to the daemon's nice level for the child and all that it
// starts: 19 is the least urgent. A negative one needs the right to it.
func Nice(n int) Option {
	return option(unless(n >= -39 && n <= 39, "Nice(%d) is beyond 39", n), func(s *settings) { s.nice = n })
}

// Memory bounds the child's memory in bytes, Go's own some 10 MB included. A child
// that needs more ends with ErrMemory. Zero means no limit. Linux refuses what is
// more (RLIMIT_DATA). That does not count shared memory, and other platforms have
// no such limit: the child looks at its resident memory 20 times a second. What it
// starts has the first limit, each for itself, and not the second.
func Memory(bytes int64) Option {
	return option(unless(bytes >= 0, "Memory(%d) is negative", bytes), func(s *settings) { s.memory = bytes })
}

// Dir is the child's working directory. The default is the daemon's.
func Dir(path string) Option {
	return option("", func(s *settings) { s.dir = path })
}

// Env sets variables of the child's environment, "key=value" each, in addition
// to the daemon's own.
func Env(variables ...string) Option {
	wrong := slices.IndexFunc(variables, func(v string) bool {
		return strings.Index(v, "=") < 1 || strings.ContainsRune(v, 0)
	})
	bad := ""
	if wrong >= 0 {
		bad = fmt.Sprintf("Env(%q) is not \"key=value\"", variables[wrong])
	}
	return option(bad, func(s *settings) { s.env = append(slices.Clip(s.env), variables...) })
}

// WithSetup runs the daemon's Setup, with its command line and Configure, in the
// child before all else, and its Teardown at the end. The child has no lock, PID
// file, log and alerts of its own: what the daemon's functions log or alert there
// reaches the daemon. The child must reach Main or Run of the daemon, and not
// forker.Main before it. Where a harness plays children, Setup is not run again.
func WithSetup() Option { return option("", func(s *settings) { s.daemon = true }) }

// OutliveRestart lets the child go on when its daemon executes the next program
// in its own place, which takes it over: it has the time that was left, counts
// against the limits, its output goes to the log, and it ends with the daemon.
// [Task.Adopted] returns it there. What it executes in its own place (execve(2))
// does not die with a daemon that is killed, as that of other children does. A
// child that two restarts find before it has reached [Main] is killed (Linux).
// Where the daemon cannot hand it over, it ends before the exec, as others do.
func OutliveRestart() Option { return option("", func(s *settings) { s.outlives = true }) }

// CheckEnvironment, as an option of [NewTask], runs f in each child before its
// SetUp. An error, best one that joins all that is wrong, is the task's.
func CheckEnvironment(f func(ctx context.Context, c *Child) error) Option {
	return option(unless(f != nil, "CheckEnvironment(nil)"), func(s *settings) { s.environment = f })
}

// SetUp, as an option of [NewTask], runs f in each child before the task's
// function. An error is the task's.
func SetUp(f func(ctx context.Context, c *Child) error) Option {
	return option(unless(f != nil, "SetUp(nil)"), func(s *settings) { s.setup = f })
}

// TearDown, as an option of [NewTask], runs f in each child whose SetUp, if any,
// has succeeded, after the task's function, also where that failed or panicked.
// Its context is not done. Its error is the task's where that has none.
func TearDown(f func(ctx context.Context, c *Child) error) Option {
	return option(unless(f != nil, "TearDown(nil)"), func(s *settings) { s.teardown = f })
}

// ofTask reports whether they have what only NewTask takes.
func (s *settings) ofTask() bool { return s.environment != nil || s.setup != nil || s.teardown != nil }

// check returns the first thing that is wrong.
func check(options []Option) error {
	for _, o := range options {
		if o.bad != "" {
			return fmt.Errorf("%s", o.bad)
		}
	}
	return nil
}
