package forker

import (
	"context"
	"sync"
)

// gate holds up the goroutines that serve a child while that is paused. Its zero
// value is an open one.
type gate struct {
	mu      sync.Mutex
	inside  int           // goroutines that work, and are not held up
	opened  chan struct{} // closed when the gate opens; nil while it is open
	changed chan struct{} // closed when one is held up or leaves; nil where nobody waits for that
}

// enter counts one more goroutine.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside++
}

// leave ends what enter began.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.less()
}

// less counts one less; mu is held.
func (g *gate) less() {
	g.inside--
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// pass holds up a goroutine that has entered as long as the gate is closed.
func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.opened != nil {
		opened := g.opened
		g.less()
		g.mu.Unlock()
		<-opened
		g.mu.Lock()
		g.inside++
	}
}

// close closes the gate.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

// open lets all pass again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// awaitNone waits until all that have entered are held up or have left, or
// returns ctx's cause.
func (g *gate) awaitNone(ctx context.Context) error {
	for {
		g.mu.Lock()
		if g.inside == 0 {
			g.mu.Unlock()
			return nil
		}
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
