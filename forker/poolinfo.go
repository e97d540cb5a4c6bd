package forker

import (
	"slices"
	"time"
)

// PoolInfo is what is known of a pool at a moment. Counts are of its whole life
// in its group.
type PoolInfo struct {
	// Pool is its name.
	Pool string

	// Workers is how many there are, and Idle how many of them wait for a call.
	Workers, Idle int

	// Queued and Running are the calls that wait, and those that a worker has.
	Queued, Running int

	// Done is how many calls ended with a result, Failed how many with an
	// error, and Retried how many times one was run once more.
	Done, Failed, Retried int64

	// Recycled is how many workers were replaced as PoolConfig asks, and
	// Crashed how many have died or could not be started.
	Recycled, Crashed int64

	// P50 and P99 are how long calls with a result took, with their time in the
	// queue; off by an eighth at most. Zero without any.
	P50, P99 time.Duration
}

// Pools returns what is known of the pools that were called, in the order of
// their first calls.
func (g *Group) Pools() []PoolInfo {
	var list []PoolInfo
	for _, live := range g.livePools() {
		list = append(list, live.info())
	}
	return list
}

func (g *Group) livePools() []*livePool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.pools)
}

func (l *livePool) info() PoolInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	info := PoolInfo{
		Pool: l.pool.name, Workers: len(l.workers), Queued: len(l.queue),
		Done: l.done, Failed: l.failed, Retried: l.retried, Recycled: l.recycles, Crashed: l.crashes,
		P50: l.took.Quantile(0.5), P99: l.took.Quantile(0.99),
	}
	for _, w := range l.workers {
		switch {
		case w.call != nil:
			info.Running++
		case w.state == workerIdle:
			info.Idle++
		}
	}
	return info
}
