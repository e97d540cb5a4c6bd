package core

import (
	"context"
	"sync"
)

// cleanup undoes one thing that was set up.
type cleanup struct {
	name string
	undo func(ctx context.Context) error
}

// cleanups are what teardown has to undo, exactly. A setup that hangs may
// still add to them when teardown begins.
type cleanups struct {
	mu       sync.Mutex // held for instants only
	done     []cleanup
	teardown int // the one that they belong to
}

func (c *cleanups) push(name string, undo func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, cleanup{name, undo})
}

// begin returns the teardown that pops them from now on.
func (c *cleanups) begin() (teardown int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.teardown++
	return c.teardown
}

// disown leaves nothing for a teardown that was abandoned, should it go on.
func (c *cleanups) disown() { c.begin() }

// pop returns the one that was added last, if they belong to that teardown.
func (c *cleanups) pop(teardown int) (cleanup, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.done) == 0 || c.teardown != teardown {
		return cleanup{}, false
	}
	last := c.done[len(c.done)-1]
	c.done = c.done[:len(c.done)-1]
	return last, true
}
