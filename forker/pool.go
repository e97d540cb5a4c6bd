package forker

import (
	"context"
	"fmt"
	"sync"
)

// Pool is workers: processes that live on from call to call, so that a call
// costs no fork. Its methods are added by [NewMethod]. It is made by [NewPool],
// and safe for concurrent use.
type Pool struct {
	name    string
	config  PoolConfig
	mu      sync.Mutex
	methods map[string]runner
}

// PoolConfig is how a pool's workers live.
type PoolConfig struct {
	// Setup runs in each worker before its first call. Nil means none. A
	// worker whose set-up fails ends.
	Setup func(ctx context.Context, c *Child) error

	// Teardown runs in a worker that is told to end, after its last call. Nil
	// means none. A worker that is killed does not come to it.
	Teardown func(ctx context.Context, c *Child) error
}

// NewPool registers a pool under a name, which no other pool or task has. Call
// it at package level, so that the workers have it, too. It panics where the
// name is empty or taken.
func NewPool(name string, config PoolConfig) *Pool {
	p := &Pool{name: name, config: config, methods: make(map[string]runner)}
	register(name, p)
	return p
}

// Name returns the name under which the pool is registered.
func (p *Pool) Name() string { return p.name }

// Method is a function that the workers of a pool run. It is made by
// [NewMethod], and safe for concurrent use.
type Method[In, Out any] struct {
	pool *Pool
	name string
	run  func(ctx context.Context, c *Child, in In) (Out, error)
}

// NewMethod adds a function to a pool, under a name that no other method of it
// has. Call it at package level. ctx is done when the worker is told to end
// (SIGTERM); a worker runs one call at a time. In and Out travel as JSON. It
// panics where the name is empty or taken.
func NewMethod[In, Out any](
	pool *Pool, name string, run func(ctx context.Context, c *Child, in In) (Out, error),
) *Method[In, Out] {
	m := &Method[In, Out]{pool, name, run}
	if run == nil {
		panic(fmt.Sprintf("forker: method %q of pool %q has no function", name, pool.name))
	}
	pool.add(name, m)
	return m
}

func (m *Method[In, Out]) call(ctx context.Context, c *Child, input []byte) ([]byte, error) {
	return callEncoded(ctx, c, m.run, input)
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
