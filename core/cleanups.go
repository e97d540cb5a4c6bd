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
	mu   sync.Mutex // held for instants only
	done []cleanup
}

func (c *cleanups) push(name string, undo func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, cleanup{name, undo})
}

// pop returns the one that was added last.
func (c *cleanups) pop() (cleanup, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.done) == 0 {
		return cleanup{}, false
	}
	last := c.done[len(c.done)-1]
	c.done = c.done[:len(c.done)-1]
	return last, true
}
