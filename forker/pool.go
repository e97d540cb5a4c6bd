package forker

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// DefaultCallTimeout is how long a call may take.
const DefaultCallTimeout = time.Minute

// Pool is workers: processes that live on from call to call, so that a call
// costs no fork. Its methods are added by [NewMethod]. It is made by [NewPool],
// and safe for concurrent use. Its workers and its queue belong to the [Group]
// that it is called with: each group has its own.
type Pool struct {
	name    string
	config  PoolConfig
	mu      sync.Mutex
	methods map[string]runner
}

// PoolConfig is how a pool's workers live. The zero value is ready to use.
type PoolConfig struct {
	// Workers is how many there are at most. Zero means as many as the machine
	// has processors.
	Workers int

	// InProcess makes the workers goroutines of this process. Nothing can kill
	// one: a call that ignores its context holds its worker for ever.
	InProcess bool

	// Setup runs in each worker before its first call. Nil means none. A
	// worker whose set-up fails ends, and another one is started after a pause.
	Setup func(ctx context.Context, c *Child) error

	// Teardown runs in a worker that is told to end, after its last call. Nil
	// means none. A worker that is killed does not come to it.
	Teardown func(ctx context.Context, c *Child) error

	// Timeout is how long a call may take, from Call or Submit to its end, with
	// its time in the queue; also how long a set-up or a teardown may take.
	// Zero means DefaultCallTimeout; see [NoTimeout]. A worker whose call is
	// given up gets SIGTERM, and SIGKILL after the grace.
	Timeout time.Duration

	// MaxQueue is how many calls wait for a worker. Zero means
	// DefaultMaxQueue.
	MaxQueue int

	// Full is what a call does when the queue is full: Refuse or Wait.
	Full WhenFull

	// Retries is how often a call is run once more, on another worker, when
	// its worker died and may have run it. Zero means never. A call that was
	// answered, also by an error, is never run again.
	Retries int

	// RecycleCalls is how many calls a worker answers before another one takes
	// its place. Zero means no limit, here and below.
	RecycleCalls int

	// RecycleAge is the age at which a worker is replaced, after the call that
	// it then runs.
	RecycleAge time.Duration

	// RecycleMemory is the resident memory in bytes above which a worker is
	// replaced, after the call that needed it. Where the platform tells no
	// more, its peak counts.
	RecycleMemory int64

	// Options are for the workers' processes: [Grace], [Nice], [Memory], [Dir],
	// [Env] and [WithSetup]. Those of a single call are above.
	Options []Option
}

// NewPool registers a pool under a name, which no other pool or task has. Call
// it at package level, so that the workers have it, too. No worker is started
// before the first call, or Start. It panics where the name is empty or taken,
// and where a field is wrong.
func NewPool(name string, config PoolConfig) *Pool {
	if err := config.check(); err != nil {
		panic(fmt.Sprintf("forker: pool %q: %v", name, err))
	}
	config.Workers = cmp.Or(config.Workers, runtime.NumCPU())
	config.Timeout = cmp.Or(config.Timeout, DefaultCallTimeout)
	config.MaxQueue = cmp.Or(config.MaxQueue, DefaultMaxQueue)
	p := &Pool{name: name, config: config, methods: make(map[string]runner)}
	register(name, p)
	return p
}

// check returns what is wrong with the fields.
func (c *PoolConfig) check() error {
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"Workers", int64(c.Workers)},
		{"Timeout", int64(c.Timeout)},
		{"MaxQueue", int64(c.MaxQueue)},
		{"Retries", int64(c.Retries)},
		{"RecycleCalls", int64(c.RecycleCalls)},
		{"RecycleAge", int64(c.RecycleAge)},
		{"RecycleMemory", c.RecycleMemory},
	} {
		if field.value < 0 {
			return fmt.Errorf("its %s is negative: %d", field.name, field.value)
		}
	}
	if c.Full != Refuse && c.Full != Wait {
		return fmt.Errorf("its Full is %d, neither Refuse nor Wait", c.Full)
	}
	if err := check(c.Options); err != nil {
		return err
	}
	var s settings
	for _, o := range c.Options {
		o.apply(&s)
	}
	switch {
	case s.ofTask():
		return fmt.Errorf("CheckEnvironment, SetUp and TearDown are options of tasks: set its Setup and Teardown")
	case s.outlives:
		return fmt.Errorf("OutliveRestart is an option of tasks: workers end before a restart")
	case s.timeout != 0 || s.atMost != 0 || s.whenFull != Refuse:
		return fmt.Errorf("Timeout, AtMost and IfFull are no options of a worker: set its Timeout, Workers and Full")
	case c.InProcess && (s.needsProcess() || c.RecycleMemory > 0):
		return fmt.Errorf("Nice, Memory, Dir, Env, WithSetup and RecycleMemory need processes: leave out InProcess")
	}
	return nil
}

// Name returns the name under which the pool is registered.
func (p *Pool) Name() string { return p.name }

// Start starts all workers of the pool and waits until they are ready; from
// then on, one that ends is replaced at once, and not when it is needed. It
// returns the first failure of a worker, or ctx's cause. Call it in a daemon's
// Setup.
func (p *Pool) Start(ctx context.Context, group Forker) error {
	if err := p.live(group.Children()).start(ctx); err != nil {
		return fmt.Errorf("forker: start the workers of pool %s: %w", p.name, err)
	}
	return nil
}

func (p *Pool) add(name string, r runner) {
	checkName("method", name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.methods[name] != nil {
		panic(fmt.Sprintf("forker: two methods of pool %q have the name %q", p.name, name))
	}
	p.methods[name] = r
}

func (p *Pool) method(name string) runner {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.methods[name]
}
