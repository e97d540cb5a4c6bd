package locktest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// Gate lets the answers of a store within the test wait, for Subject.Stall. The
// store passes it with each operation, as a lock.Memory does whose Delay is Pass.
// The zero value is open. It is safe for concurrent use.
type Gate struct {
	shut atomic.Pointer[chan struct{}] // nil: it is open
}

// Pass waits while the gate is shut, and returns the context's cause should that end
// before.
func (g *Gate) Pass(ctx context.Context) error {
	shut := g.shut.Load()
	if shut == nil {
		return nil
	}
	select {
	case <-*shut:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stall shuts the gate until resume is called.
func (g *Gate) Stall(*testing.T) (resume func()) {
	shut := make(chan struct{})
	g.shut.Store(&shut)
	return sync.OnceFunc(func() {
		g.shut.Store(nil)
		close(shut)
	})
}
