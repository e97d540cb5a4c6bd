package clockwork

import "context"

// WallWatcher is a Clock that is told when the wall clock is set.
type WallWatcher interface {
	// WatchWall calls stepped after each step of the wall clock, and after the
	// machine was suspended, until ctx is done. It wakes for nothing else. It
	// returns earlier where there is nothing to watch the clock by.
	WatchWall(ctx context.Context, stepped func())
}

// WatchWall calls stepped after each step of c's wall clock until ctx is done. It
// returns at once where c is no WallWatcher, as the real clock is on Linux only: then
// steps are found by looking.
func WatchWall(ctx context.Context, c Clock, stepped func()) {
	if w, ok := c.(WallWatcher); ok {
		w.WatchWall(ctx, stepped)
	}
}
